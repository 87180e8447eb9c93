//! Argon2id, a few at a time: each takes 19 MiB for some tens of milliseconds, and whoever guesses pays for it.

use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::Refused;

/// Memory in KiB, passes and lanes: OWASP's first choice for Argon2id (Password Storage Cheat Sheet, 2024).
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Computed at once.
const AT_ONCE: usize = 2;

/// Longest wait for a free place.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where passwords are computed.
#[derive(Debug)]
pub(super) struct Kitchen {
    places: Semaphore,
}

impl Default for Kitchen {
    fn default() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
        }
    }
}

impl Kitchen {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let place = tokio::time::timeout(PATIENCE, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(Refused::TooMany);
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Refused::Failed(error.into()))?
            .map_err(Refused::Failed)
    }

    /// A new password as it is kept.
    pub(super) async fn hash(&self, password: String) -> Result<String, Refused> {
        let password = Zeroizing::new(password);
        self.run(move || {
            let salt = SaltString::encode_b64(&crate::random::<16>()?).map_err(words)?;
            let hashed = argon2()?.hash_password(password.as_bytes(), &salt);
            Ok(hashed.map_err(words)?.to_string())
        })
        .await
    }

    /// Whether it is the password; false without one, after the same work.
    pub(super) async fn check(&self, phc: Option<String>, password: String) -> Result<bool, Refused> {
        let password = Zeroizing::new(password);
        let Some(phc) = phc else {
            self.hash(password.to_string()).await?;
            return Ok(false);
        };
        self.run(move || {
            let kept = PasswordHash::new(&phc).map_err(words)?;
            Ok(argon2()?.verify_password(password.as_bytes(), &kept).is_ok())
        })
        .await
    }
}

fn argon2() -> anyhow::Result<Argon2<'static>> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(words)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn words(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("password: {error}")
}
