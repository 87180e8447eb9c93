//! The serial tap: one port towards the POS, one towards the device, set alike.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tillwire_agent_core::capture::settings::{Parity, SerialMode, TapLine, TapSettings};
use tokio_serial::{DataBits, SerialPortBuilderExt as _, SerialStream, StopBits};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ear::{Held, ear};
use super::forward::{End, both_ways};
use super::listen::Listener;
use crate::journal::Sink;

/// Pause before a line that broke is opened again.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);

/// How long a stop waits for what was heard to be journaled.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(5);

/// Forwards until `stop`. A device that is not there is waited for.
pub async fn run(settings: TapSettings, sink: Arc<dyn Sink>, stop: CancellationToken) {
    let TapLine::Serial { pos, device, mode } = settings.line.clone() else {
        return;
    };
    let listener = Arc::new(Listener::new(settings, sink, stop.clone()));
    let tasks = TaskTracker::new();
    let held = Held::default();
    let _ = stop
        .run_until_cancelled(lines(&pos, &device, mode, &listener, &held, &tasks))
        .await;
    tasks.close();
    if tokio::time::timeout(LAST_WORDS_WITHIN, tasks.wait())
        .await
        .is_err()
    {
        tracing::error!("what was said last on a serial line could not be journaled in time");
    }
}

/// Opens and forwards, again and again.
async fn lines(
    pos: &Path,
    device: &Path,
    mode: SerialMode,
    listener: &Arc<Listener>,
    held: &Held,
    tasks: &TaskTracker,
) {
    let mut told = None;
    loop {
        let (is_open, words) = match open(pos, mode).and_then(|p| Ok((p, open(device, mode)?))) {
            Ok((pos, device)) => {
                tell(
                    &mut told,
                    true,
                    "both devices of the serial line are open",
                    listener,
                    tasks,
                );
                let (ear, hearing) = ear(held);
                let listening = Arc::clone(listener);
                tasks.spawn(async move { listening.connection(hearing).await });
                let ended = both_ways(pos, device, &ear, End::Break).await;
                (
                    false,
                    ended.map_or_else(|error| error.to_string(), |()| "a device hung up".to_owned()),
                )
            }
            Err(error) => (false, error),
        };
        tell(
            &mut told,
            is_open,
            &format!("the serial line broke: {words}"),
            listener,
            tasks,
        );
        tokio::time::sleep(REOPEN_PAUSE).await;
    }
}

/// A notice when the line goes and when it comes back; none for the first opening.
fn tell(told: &mut Option<bool>, is: bool, words: &str, listener: &Arc<Listener>, tasks: &TaskTracker) {
    let before = told.replace(is);
    if before == Some(is) || (before.is_none() && is) {
        return;
    }
    let (listener, words) = (Arc::clone(listener), words.to_owned());
    tasks.spawn(async move { listener.line(&words).await });
}

fn open(path: &Path, mode: SerialMode) -> Result<SerialStream, String> {
    let parity = match mode.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Odd => tokio_serial::Parity::Odd,
        Parity::Even => tokio_serial::Parity::Even,
    };
    tokio_serial::new(path.to_string_lossy(), mode.baud())
        .data_bits(if mode.seven_bits {
            DataBits::Seven
        } else {
            DataBits::Eight
        })
        .parity(parity)
        .stop_bits(if mode.two_stop_bits {
            StopBits::Two
        } else {
            StopBits::One
        })
        .open_native_async()
        .map_err(|error| format!("{}: {error}", path.display()))
}
