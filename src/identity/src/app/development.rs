//! Defines what the start page of `postern dev` shows beside the users and clients of the database.

/// Values that only `postern dev` has. They contain secrets, so nothing else may set them: whoever reaches the
/// start page can read them.
pub struct Development {
    /// The origin of `postern-tasks`.
    pub tasks: String,
    /// How its developer calls this program.
    pub program: &'static str,
    /// The settings for commands beside the server.
    pub settings_file: String,
    pub clients: Vec<DevelopmentClient>,
    pub presets: Vec<PresetCommand>,
}

/// What is known about a seeded client beside its row.
pub struct DevelopmentClient {
    pub client_id: String,
    pub secret: String,
    /// The configuration of a stack for this client.
    pub snippet: String,
}

/// How an app of one stack is added.
pub struct PresetCommand {
    pub name: &'static str,
    pub stack: &'static str,
    /// The command, ready to be pasted into a shell.
    pub command: String,
}
