//! Compares the clock of this machine with the clock of the PostgreSQL server, which all nodes share.
//!
//! The tokens and sessions of one node are checked with the clocks of the other nodes. A node whose clock is
//! wrong refuses valid tokens or accepts expired ones. The difference is a metric; a difference above
//! [`WARNING_THRESHOLD`] is logged as well.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{Error, Row as _};

use crate::clock::{Clock, Timestamp};

/// Well below the 30 seconds of leeway that token verifiers allow.
const WARNING_THRESHOLD: Duration = Duration::from_secs(5);

/// Reads the time of the server and reports the difference.
pub(super) async fn measure(connection: &mut PgListener) -> Result<(), Error> {
    let clock = Clock::system();
    let asked = clock.now();
    let query = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    let server_micros: i64 = query.fetch_one(connection).await?.try_get(0)?;
    report(difference(asked, clock.now(), server_micros));
    Ok(())
}

/// Microseconds by which the clock of this machine is ahead of the server's. The server read its clock at
/// some moment between `asked` and `answered`, so a time between them is no difference.
fn difference(asked: Timestamp, answered: Timestamp, server_micros: i64) -> i64 {
    let (asked, answered) = (asked.micros(), answered.micros());
    if server_micros < asked {
        asked - server_micros
    } else if server_micros > answered {
        answered - server_micros
    } else {
        0
    }
}

fn report(micros: i64) {
    let difference = Duration::from_micros(micros.unsigned_abs());
    let seconds = difference.as_secs_f64();
    let signed = if micros < 0 { -seconds } else { seconds };
    metrics::gauge!("postern_clock_difference_seconds").set(signed);
    if difference >= WARNING_THRESHOLD {
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
