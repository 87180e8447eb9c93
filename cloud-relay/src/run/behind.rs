//! Work that waits for the boxes' messages, not they for it: reading records again to understand them, to find them by name and to
//! assess their days. Threads that do it have a smaller claim to the processors than the rest, so that a box which comes back
//! with a long backlog first has it held and signed for, and days follow.

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads for it: one for each of the three stages that read.
const THREADS: usize = 3;

/// How far its threads step back (`nice`): about a tenth of a processor's time stays theirs however busy it is, so that days go on.
const NICE: i32 = 10;

/// The threads.
pub(super) struct Behind(Option<Runtime>);

impl Behind {
    /// Starts them.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(THREADS)
            .thread_name("relay-behind")
            .on_thread_start(step_back)
            .build()
            .context("cannot start the threads that read behind")?;
        Ok(Self(Some(runtime)))
    }

    /// Where to read.
    pub(super) fn handle(&self) -> Handle {
        self.0
            .as_ref()
            .expect("there until it is dropped")
            .handle()
            .clone()
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // A runtime may not be waited for inside another; what it still reads is read for nobody.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// On Linux each thread has a claim of its own; elsewhere it is the whole process's, and is left alone.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!("reading behind with the claim of all: {error}");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;
    use crate::testing::{Relay, options};

    #[tokio::test]
    async fn what_is_read_behind_steps_back_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let relay = Relay::open(&options(&dir)).await;
        let behind = Behind::start().unwrap();
        let claim = |store: crate::store::Store| async move {
            // of the thread that asks
            store
                .read(|_| Ok(getpriority_process(None).unwrap()))
                .await
                .unwrap()
        };
        let before = claim(relay.store.clone()).await;
        let wanted = (before + NICE).min(19);
        assert_eq!(claim(relay.store.reading_on(behind.handle())).await, wanted);
        assert_eq!(claim(relay.store.clone()).await, before);
    }
}
