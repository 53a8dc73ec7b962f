//! Compares the clock of this machine with that of PostgreSQL's, which all nodes have in common.
//!
//! Tokens and sign-ins of one node are judged by the clocks of the others, so a node whose clock is off refuses what is
//! good, or takes what is over. The difference is in the metrics; one that matters is in the log as well.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{Error, Row as _};

use crate::clock::{Clock, Timestamp};

/// Verifiers allow for 30 seconds.
const TOO_MUCH: Duration = Duration::from_secs(5);

/// Asks the server what time it is, and tells the difference.
pub(super) async fn measure(connection: &mut PgListener) -> Result<(), Error> {
    let clock = Clock::system();
    let asked = clock.now();
    let query = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    let theirs: i64 = query.fetch_one(connection).await?.try_get(0)?;
    tell(difference(asked, clock.now(), theirs));
    Ok(())
}

/// By how many microseconds this clock is ahead. The server read its own some time between question and answer.
fn difference(asked: Timestamp, answered: Timestamp, theirs: i64) -> i64 {
    let (asked, answered) = (asked.micros(), answered.micros());
    if theirs < asked {
        asked - theirs
    } else if theirs > answered {
        answered - theirs
    } else {
        0
    }
}

fn tell(micros: i64) {
    let difference = Duration::from_micros(micros.unsigned_abs());
    let seconds = difference.as_secs_f64();
    let signed = if micros < 0 { -seconds } else { seconds };
    metrics::gauge!("postern_clock_difference_seconds").set(signed);
    if difference >= TOO_MUCH {
        tracing::warn!(ahead_by_seconds = signed, "this machine's clock and the database's differ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_the_answer_is_no_difference() {
        let at = Timestamp::from_micros;
        for (theirs, expected) in [(100, 0), (150, 0), (200, 0), (90, 10), (230, -30)] {
            assert_eq!(difference(at(100), at(200), theirs), expected, "{theirs}");
        }
    }
}
