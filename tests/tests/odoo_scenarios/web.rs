//! A new API key, made the way a person makes one: sign in to the web client, ask for a key, prove the password.

use anyhow::Context as _;
use serde_json::{Value, json};

/// A web session.
struct Session {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

/// Makes a key that is good for a week (17: for ever) and returns it. A day would end at the next midnight, UTC.
pub(crate) async fn new_key(
    url: &str,
    db: &str,
    login: &str,
    password: &str,
    major: i64,
) -> anyhow::Result<String> {
    let session = Session::open(url, db, login, password).await?;
    let mut vals = json!({ "name": "tillwire scenarios" });
    if major >= 18 {
        vals["duration"] = json!("7");
    }
    let asked = session
        .call(
            "res.users.apikeys.description",
            "create",
            json!([vals]),
            json!({}),
        )
        .await?;
    let check = session
        .call(
            "res.users.apikeys.description",
            "make_key",
            json!([[asked]]),
            json!({}),
        )
        .await?;
    let id = &check["res_id"];
    if major <= 18 {
        session
            .call(
                "res.users.identitycheck",
                "write",
                json!([[id], { "password": password }]),
                json!({}),
            )
            .await?;
    }
    let context = json!({ "context": { "password": password } });
    let shown = session
        .call("res.users.identitycheck", "run_check", json!([[id]]), context)
        .await?;
    let key = shown["context"]["default_key"].as_str();
    Ok(key.with_context(|| format!("no key in {shown}"))?.to_owned())
}

impl Session {
    async fn open(url: &str, db: &str, login: &str, password: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()?;
        let params = json!({ "db": db, "login": login, "password": password });
        let body = json!({ "jsonrpc": "2.0", "params": params });
        let answer = http
            .post(format!("{url}/web/session/authenticate"))
            .json(&body)
            .send()
            .await?;
        let cookies = answer.headers().get_all(reqwest::header::SET_COOKIE).iter();
        let cookie = cookies
            .filter_map(|value| value.to_str().ok()?.split(';').next())
            .find(|cookie| cookie.starts_with("session_id="))
            .context("the web client gave no session")?
            .to_owned();
        Ok(Self {
            http,
            url: url.to_owned(),
            cookie,
        })
    }

    async fn call(&self, model: &str, method: &str, args: Value, kwargs: Value) -> anyhow::Result<Value> {
        let params = json!({ "model": model, "method": method, "args": args, "kwargs": kwargs });
        let answer: Value = self
            .http
            .post(format!("{}/web/dataset/call_kw", self.url))
            .header(reqwest::header::COOKIE, &self.cookie)
            .json(&json!({ "jsonrpc": "2.0", "params": params }))
            .send()
            .await?
            .json()
            .await?;
        anyhow::ensure!(
            answer.get("error").is_none(),
            "{model}.{method}: {}",
            answer["error"]["data"]["message"]
        );
        Ok(answer["result"].clone())
    }
}
