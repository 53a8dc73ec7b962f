//! Defines a small mail server: a real conversation (RFC 5321) on a port of its own.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Kind,
    /// Answers 451 to every recipient.
    Busy,
    /// Takes the mail and hangs up without a word.
    Silent,
    /// Hangs up at once.
    Down,
}

#[derive(Clone)]
pub struct MailServer {
    pub port: u16,
    mood: Arc<Mutex<Mood>>,
    /// Whoever else is written to waits for ever.
    only: Arc<Mutex<Option<String>>>,
    mails: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mood = Arc::new(Mutex::new(Mood::Kind));
        let server = Self { port, mood, only: Arc::default(), mails: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                // A client that hangs up ends its conversation, nothing else.
                tokio::spawn(async move { serving.converse(stream).await });
            }
        });
        server
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Leaves mails to anybody else without an answer.
    pub fn take_only(&self, recipient: &str) {
        *self.only.lock().unwrap() = Some(recipient.to_owned());
    }

    /// What was taken, the oldest first: envelope and message.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }

    fn ignores(&self, recipient: &str) -> bool {
        self.only.lock().unwrap().as_ref().is_some_and(|only| !recipient.contains(only))
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Down {
            return Ok(());
        }
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail.example.test ESMTP\r\n").await?;
        let mut mail = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => "250-mail.example.test\r\n250 8BITMIME\r\n",
                "MAIL" => {
                    mail.clone_from(&line);
                    "250 ok\r\n"
                }
                "RCPT" if mood == Mood::Busy => "451 try later\r\n",
                "RCPT" if self.ignores(&line) => std::future::pending().await,
                "RCPT" => {
                    mail.push_str(&line);
                    "250 ok\r\n"
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    read_message(&mut stream, &mut mail).await?;
                    self.mails.lock().unwrap().push(mail.clone());
                    if mood == Mood::Silent {
                        return Ok(());
                    }
                    "250 taken\r\n"
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => "250 ok\r\n",
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

async fn read_message(stream: &mut BufReader<TcpStream>, mail: &mut String) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(());
        }
        mail.push_str(&line);
    }
}
