//! `person`: who may sign in to the pages.

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;
use tillwire_relay_core::people::{Login, Person, Role, Scope};

use super::{Common, moment, open, print_json};
use crate::config::Config;
use crate::people;
use crate::store::Store;
use crate::store::people as rows;

#[derive(Debug, Subcommand)]
pub(super) enum PersonCommand {
    /// Everybody, with roles and stores.
    List,
    /// Add somebody, and make a one-time code with which they choose their password. It is shown once.
    Invite {
        /// What they sign in with.
        login: Login,
        /// viewer, auditor, accountant, store-it, security or admin; may be given several times.
        #[arg(long = "role", required = true)]
        roles: Vec<Role>,
        /// Their stores: * for all, a retailer (acme), a store (acme/s01), with commas between.
        #[arg(long = "at", default_value = "*")]
        scope: Scope,
        /// What people call them. Default: the login.
        #[arg(long)]
        name: Option<String>,
    },
    /// Make another one-time code for somebody who forgot their password.
    Code {
        /// Whose.
        login: Login,
    },
    /// Change roles, stores or name. It counts from their next request on.
    Set {
        /// Whose.
        login: Login,
        /// All roles that they are to have.
        #[arg(long = "role")]
        roles: Vec<Role>,
        /// Their stores.
        #[arg(long = "at")]
        scope: Option<Scope>,
        /// What people call them.
        #[arg(long)]
        name: Option<String>,
    },
    /// Make a token with which a program reads what this person may see (`Authorization: Bearer TOKEN`). Shown once.
    Token {
        /// Whose rights it has.
        login: Login,
        /// What it is for.
        #[arg(long)]
        name: String,
        /// For so many days.
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=1825))]
        days: u16,
        /// End the token of this name instead.
        #[arg(long)]
        end: bool,
    },
    /// Tokens that count, with when each was last used.
    Tokens,
    /// Let somebody in no longer. Their sessions end at once.
    Disable {
        /// Whom.
        login: Login,
    },
    /// Let somebody in again.
    Enable {
        /// Whom.
        login: Login,
    },
}

pub(super) async fn act(common: &Common, command: PersonCommand) -> Result<()> {
    let (config, store, _) = open(common).await?;
    match command {
        PersonCommand::List => list(common, &store).await,
        PersonCommand::Invite {
            login,
            roles,
            scope,
            name,
        } => {
            let person = Person {
                name: name.unwrap_or_else(|| login.to_string()),
                login,
                roles: roles.into_iter().collect(),
                scope,
            };
            let code = people::invite(&store, person, &common.by).await?;
            print_code(common, &config, &code)
        }
        PersonCommand::Code { login } => {
            let code = people::invite_again(&store, login, &common.by).await?;
            print_code(common, &config, &code)
        }
        PersonCommand::Set {
            login,
            roles,
            scope,
            name,
        } => {
            let asked = login.clone();
            let found = store.read(move |db| rows::get(db, &asked)).await?;
            let mut person = found
                .with_context(|| format!("there is nobody with the login {login}"))?
                .person;
            if !roles.is_empty() {
                person.roles = roles.into_iter().collect();
            }
            person.scope = scope.unwrap_or(person.scope);
            person.name = name.unwrap_or(person.name);
            people::change(&store, person, &common.by).await?;
            println!("changed {login}");
            Ok(())
        }
        PersonCommand::Token {
            login,
            name,
            end: true,
            ..
        } => {
            people::end_token(&store, login.clone(), name.clone(), &common.by).await?;
            println!("the token {name:?} of {login} counts no more");
            Ok(())
        }
        PersonCommand::Token {
            login,
            name,
            days,
            end: false,
        } => {
            let token = people::make_token(&store, login, name, days, &common.by).await?;
            if common.json {
                return print_json(&json!({ "token": token.cookie(), "days": days }));
            }
            println!("{}", token.cookie());
            Ok(())
        }
        PersonCommand::Tokens => {
            let now_ms = store.clock().now_ms();
            let all = store.read(move |db| rows::tokens(db, now_ms)).await?;
            if common.json {
                let all = all.iter().map(|one| {
                    json!({
                        "login": one.login.as_str(), "name": one.name, "created": moment(one.created_ms),
                        "expires": moment(one.expires_ms), "seen": one.seen_ms.map(moment),
                    })
                });
                return print_json(&all.collect::<Vec<_>>());
            }
            for one in &all {
                let seen = one.seen_ms.map_or_else(|| "never".to_owned(), moment);
                println!(
                    "{:<24} {:<24} until {}  seen {seen}",
                    one.login.as_str(),
                    one.name,
                    moment(one.expires_ms)
                );
            }
            if all.is_empty() {
                println!("no tokens");
            }
            Ok(())
        }
        PersonCommand::Disable { login } => {
            people::set_disabled(&store, login.clone(), true, &common.by).await?;
            println!("{login} may not sign in any more");
            Ok(())
        }
        PersonCommand::Enable { login } => {
            people::set_disabled(&store, login.clone(), false, &common.by).await?;
            println!("{login} may sign in again");
            Ok(())
        }
    }
}

fn print_code(common: &Common, config: &Config, code: &people::Code) -> Result<()> {
    let at = format!("http://{}/welcome", config.http_listen);
    if common.json {
        return print_json(&json!({ "code": code.to_string(), "at": at }));
    }
    println!("{code}\n");
    println!("Within three days, at {at} or where your proxy shows it: choose a password with this code.");
    Ok(())
}

async fn list(common: &Common, store: &Store) -> Result<()> {
    let all = store.read(rows::list).await?;
    if common.json {
        let all = all.iter().map(|one| {
            json!({
                "login": one.person.login.as_str(), "name": one.person.name, "roles": one.person.roles,
                "at": one.person.scope.to_string(), "has_password": one.password.is_some(),
                "created": moment(one.created_ms), "created_by": one.created_by,
                "disabled": one.disabled_ms.map(moment), "seen": one.seen_ms.map(moment),
            })
        });
        return print_json(&all.collect::<Vec<_>>());
    }
    for one in &all {
        let roles: Vec<&str> = one.person.roles.iter().map(|role| role.name()).collect();
        let state = match (one.disabled_ms, &one.password) {
            (Some(_), _) => "shut out",
            (None, None) => "invited",
            (None, Some(_)) => "active",
        };
        println!(
            "{:<9} {:<24} {:<28} at {}  seen {}",
            state,
            one.person.login.as_str(),
            roles.join(", "),
            one.person.scope,
            one.seen_ms.map_or_else(|| "never".to_owned(), moment)
        );
    }
    if all.is_empty() {
        println!(
            "nobody yet; a running relay keeps the first person's code in {} of its folder",
            people::FIRST_CODE_FILE
        );
    }
    Ok(())
}
