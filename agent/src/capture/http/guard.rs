//! Who may push: whoever shows the secret. Compared in constant time; wrong ones are slowed, right ones never.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;
use tillwire_agent_core::capture::settings::Secret;
use tillwire_proto::Digest;

use super::answer::Answer;

/// Wrong secrets that are told so per [`WINDOW`]; more only hear that they are too many.
const WRONG_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Guard {
    /// The digest stands for the secret, so that a comparison takes the same time whatever the length.
    secret: Digest,
    wrong: Mutex<(Instant, u32)>,
}

impl Guard {
    pub(super) fn new(secret: Secret) -> Self {
        let digest = Digest::of(secret.bytes());
        drop(secret);
        Self {
            secret: digest,
            wrong: Mutex::new((Instant::now(), 0)),
        }
    }

    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Answer> {
        let shown = headers
            .get(header::AUTHORIZATION)
            .map_or(&b""[..], |value| value.as_bytes());
        let scheme = shown
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        self.admit_secret(if scheme { shown[7..].trim_ascii() } else { b"" })
    }

    pub(super) fn admit_secret(&self, shown: &[u8]) -> Result<(), Answer> {
        let right = Digest::of(shown).as_bytes().ct_eq(self.secret.as_bytes());
        if bool::from(right) {
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    fn refuse(&self) -> Answer {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let age = wrong.0.elapsed();
        if age >= WINDOW {
            *wrong = (Instant::now(), 0);
        }
        wrong.1 = wrong.1.saturating_add(1);
        if wrong.1 > WRONG_MAX {
            Answer::too_many_strangers(WINDOW.saturating_sub(age))
        } else {
            Answer::stranger()
        }
    }
}
