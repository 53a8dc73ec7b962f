//! Defines the question before something is removed for good.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::error::CommandError;

/// The flag that answers the question beforehand.
#[derive(Debug, clap::Args)]
pub(super) struct Confirmation {
    /// Remove without asking. Needed where no terminal can be asked.
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Asks on the terminal whether to remove `what`. Without a terminal, only the flag is an answer.
    pub(super) fn require(&self, what: &str) -> Result<(), CommandError> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(CommandError::Usage(format!("this removes {what} for good: add --yes")));
        }
        let mut terminal = io::stderr();
        write!(terminal, "Remove {what} for good? [y/N] ")?;
        terminal.flush()?;
        let mut typed = String::new();
        io::stdin().lock().read_line(&mut typed)?;
        match typed.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(CommandError::Failed("nothing was removed".to_owned())),
        }
    }
}
