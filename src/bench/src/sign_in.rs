//! Signs a user in through the pages, as a browser does, to have a session for the authorization endpoint.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use crate::{
    drive::{Connection, ReadResponse},
    scenarios::{get, post},
};

/// A browser with cookies, on one connection.
struct Browser<'a> {
    connection: &'a mut Connection,
    issuer: &'a str,
    cookies: BTreeMap<String, String>,
}

/// Goes from `authorize_path` through the pages, with the code that arrives in the inbox of `postern dev`.
/// Returns the `Cookie` header of the session.
pub(crate) async fn sign_in(
    connection: &mut Connection,
    issuer: &str,
    authorize_path: &str,
    email: &str,
) -> Result<String> {
    let mut browser = Browser { connection, issuer, cookies: BTreeMap::new() };
    let page = browser.follow(authorize_path.to_owned()).await?;
    let form = [("identifier", email), ("method", "email-otp")];
    let page = browser.submit(&page, "/login", &form).await?;
    let code = browser.newest_code(email).await?;
    browser.submit(&page, "/login/verify", &[("code", &code)]).await?;
    ensure!(browser.cookies.len() > 1, "no session cookie came");
    Ok(browser.cookie_header())
}

impl Browser<'_> {
    fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn store_cookies(&mut self, answer: &ReadResponse) -> Result<()> {
        for line in answer.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str()?.split_once('=').context("a cookie without a value")?;
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }

    /// Sends a GET, and follows redirects within the provider.
    async fn follow(&mut self, mut path: String) -> Result<ReadResponse> {
        for _ in 0..10 {
            let request = get(&path, &[("Cookie", &self.cookie_header())])?;
            let answer = self.connection.send(request).await?;
            self.store_cookies(&answer)?;
            match answer.headers.get("location") {
                None => return Ok(answer),
                Some(location) => match location.to_str()? {
                    within if within.starts_with('/') => within.clone_into(&mut path),
                    _away => return Ok(answer),
                },
            }
        }
        bail!("too many redirects from {path}")
    }

    /// Posts the form with this action and its hidden fields.
    async fn submit(
        &mut self,
        page: &ReadResponse,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<ReadResponse> {
        let html = std::str::from_utf8(&page.body)?;
        let hidden = hidden_fields(html, action)?;
        let given = |name: &str| fields.iter().any(|(given, _)| *given == name);
        let mut form: Vec<(&str, &str)> =
            hidden.iter().filter(|(name, _)| !given(name)).map(|(name, value)| (&**name, &**value)).collect();
        form.extend(fields);
        let headers = [("Cookie", self.cookie_header()), ("Origin", self.issuer.to_owned())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = self.connection.send(post(action, &headers, &form)?).await?;
        self.store_cookies(&answer)?;
        match answer.headers.get("location").map(|location| location.to_str()) {
            Some(Ok(location)) if location.starts_with('/') => self.follow(location.to_owned()).await,
            _ => Ok(answer),
        }
    }

    async fn newest_code(&mut self, email: &str) -> Result<String> {
        for _ in 0..100 {
            let inbox = self.connection.send(get("/dev/inbox.json", &[])?).await?.json()?;
            let newest = inbox.as_array().and_then(|mails| mails.iter().find(|mail| mail["to"] == email));
            if let Some(code) = newest.and_then(|mail| mail["code"].as_str()) {
                return Ok(code.to_owned());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("no code arrived for {email}")
    }
}

fn hidden_fields(html: &str, action: &str) -> Result<Vec<(String, String)>> {
    let start = html
        .find(&format!("action=\"{action}\""))
        .with_context(|| format!("no form for {action} in {html}"))?;
    let form = html[start..].split("</form>").next().unwrap_or_default();
    let inputs = form.split("<input ").skip(1).filter(|input| input.contains("type=\"hidden\""));
    Ok(inputs.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?))).collect())
}

fn attribute(input: &str, name: &str) -> Option<String> {
    let (_, rest) = input.split('>').next()?.split_once(&format!("{name}=\""))?;
    Some(rest.split('"').next()?.to_owned())
}
