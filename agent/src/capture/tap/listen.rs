//! The listener: works out what was said on one connection, and journals it. Whatever becomes of it, the line goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tillwire_agent_core::capture::dialect::{Decoder, Heard, TapMemory, decoder};
use tillwire_agent_core::capture::settings::TapSettings;
use tillwire_agent_core::capture::tripwire::Redactions;
use tillwire_agent_core::capture::unreadable;
use tillwire_agent_core::journal::Captured;
use tillwire_proto::Fact;
use tokio_util::sync::CancellationToken;

use super::ear::{Hearing, Said};
use crate::capture::notices::Notices;
use crate::journal::{AppendError, Sink};

/// How soon a fact is offered again to a journal that is busy.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// What the listeners of one tap share.
#[derive(Debug)]
pub(super) struct Listener {
    settings: TapSettings,
    memory: TapMemory,
    sink: Arc<dyn Sink>,
    notices: Notices,
    stop: CancellationToken,
}

impl Listener {
    pub(super) fn new(settings: TapSettings, sink: Arc<dyn Sink>, stop: CancellationToken) -> Self {
        Self {
            notices: Notices::new(settings.lane.clone()),
            settings,
            memory: TapMemory::default(),
            sink,
            stop,
        }
    }

    /// Listens to one connection until it has ended and all of it is journaled.
    pub(super) async fn connection(&self, hearing: Hearing) {
        self.listen(hearing, || decoder(&self.settings, &self.memory))
            .await;
    }

    /// Journals a notice that the line came or went.
    pub(super) async fn line(&self, words: &str) {
        self.keep(self.notices.source(words)).await;
    }

    async fn listen(&self, mut hearing: Hearing, make: impl Fn() -> Box<dyn Decoder>) {
        let mut decoder = make();
        let mut is_quiet = false;
        loop {
            let said = match decoder.quiet_after().filter(|_| !is_quiet) {
                Some(after) => match tokio::time::timeout(after, hearing.next()).await {
                    Ok(said) => said,
                    Err(_) => {
                        is_quiet = true;
                        self.decode(&mut decoder, &make, |decoder| decoder.quiet()).await;
                        continue;
                    }
                },
                None => hearing.next().await,
            };
            is_quiet = false;
            match said {
                Some(Said::Bytes(side, bytes)) => {
                    self.decode(&mut decoder, &make, |decoder| decoder.said(side, &bytes))
                        .await;
                    hearing.done(bytes.len());
                }
                Some(Said::Missed(len)) => {
                    self.decode(&mut decoder, &make, |decoder| decoder.ended()).await;
                    let words = format!("{len} bytes passed unheard: decoder or journal could not keep up");
                    self.keep(self.captured(self.unreadable("tap-lagged", &words)))
                        .await;
                }
                None => break,
            }
        }
        self.decode(&mut decoder, &make, |decoder| decoder.ended()).await;
    }

    /// One step of a decoder that may have a fault: then it starts anew, and the fault is a record.
    async fn decode(
        &self,
        decoder: &mut Box<dyn Decoder>,
        make: &impl Fn() -> Box<dyn Decoder>,
        step: impl FnOnce(&mut dyn Decoder) -> Vec<Heard>,
    ) {
        let Ok(heard) = catch_unwind(AssertUnwindSafe(|| step(decoder.as_mut()))) else {
            *decoder = make();
            let words =
                "the decoder failed on bytes of this connection; they were forwarded, but not understood";
            self.keep(self.captured(self.unreadable("decoder-failed", words)))
                .await;
            return;
        };
        let mut card_data = decoder.take_unreported();
        for heard in heard {
            card_data.merge(&heard.redactions);
            self.keep(self.captured(heard)).await;
        }
        if let Some(notice) = self.notices.card_data(&card_data) {
            self.keep(notice).await;
        }
    }

    fn unreadable(&self, reason: &'static str, words: &str) -> Heard {
        let fact = unreadable(reason, words, Some(self.settings.register.clone()));
        Heard {
            fact,
            raw: Vec::new(),
            redactions: Redactions::default(),
        }
    }

    fn captured(&self, heard: Heard) -> Captured {
        Captured {
            lane: self.settings.lane.clone(),
            witness: self.settings.dialect.witness(),
            redacted: heard.redactions.total(),
            raw: heard.raw,
            fact: heard.fact,
        }
    }

    /// Offers until it is taken. A terminal or printer cannot be told *busy*, so what was said is held here, bounded by the ear.
    async fn keep(&self, captured: Captured) {
        loop {
            let append = AssertUnwindSafe(self.sink.append(captured.clone())).catch_unwind();
            match append.await {
                Ok(Ok(_)) => return,
                Ok(Err(AppendError::Busy)) if !self.stop.is_cancelled() => {
                    let _ = self
                        .stop
                        .run_until_cancelled(tokio::time::sleep(BUSY_PAUSE))
                        .await;
                }
                Ok(Err(error)) => return lost(&captured, &error.to_string()),
                Err(_) => return lost(&captured, "the journal failed"),
            }
        }
    }
}

/// The one place where something heard is given up: the process is ending and the disk is full or gone.
fn lost(captured: &Captured, why: &str) {
    let what = match &captured.fact {
        Fact::Terminal(_) => "a terminal payment",
        Fact::Report(_) => "a terminal's report",
        Fact::Printed(_) => "a printed receipt",
        Fact::Unreadable(_) => "an unreadable frame",
        _ => "a notice",
    };
    tracing::error!(lane = %captured.lane, why, "{what} could not be journaled and is lost");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tillwire_agent_core::capture::dialect::Side;
    use tillwire_agent_core::capture::settings::{Dialect, TapLine};
    use tillwire_proto::{Currency, LaneId, RecordNumber, RegisterId, SegmentId, StoreId, TerminalId};

    use super::super::ear::{Held, ear};
    use super::*;
    use crate::journal::{Appending, Taken};

    #[derive(Debug, Default)]
    struct Journal {
        records: Mutex<Vec<Captured>>,
        troubles: Mutex<Vec<Trouble>>,
    }

    #[derive(Debug)]
    enum Trouble {
        Busy,
        Panics,
    }

    impl Sink for Journal {
        fn append(&self, captured: Captured) -> Appending<'_> {
            Box::pin(async move {
                let trouble = self.troubles.lock().unwrap().pop();
                match trouble {
                    Some(Trouble::Busy) => return Err(AppendError::Busy),
                    Some(Trouble::Panics) => panic!("a journal with a fault"),
                    None => {}
                }
                let mut records = self.records.lock().unwrap();
                records.push(captured);
                let number = RecordNumber(records.len() as u64);
                Ok(Taken {
                    segment: SegmentId([0; 16]),
                    number,
                    already: false,
                })
            })
        }
    }

    fn listener(journal: &Arc<Journal>) -> Listener {
        let settings = TapSettings {
            lane: LaneId::new("t").unwrap(),
            store: StoreId::new("main").unwrap(),
            register: RegisterId::new("front").unwrap(),
            currency: Currency::USD,
            line: TapLine::Tcp {
                listen: ([127, 0, 0, 1], 0).into(),
                device: String::new(),
            },
            dialect: Dialect::Upa(TerminalId::new("t1").unwrap()),
        };
        Listener::new(
            settings,
            Arc::clone(journal) as Arc<dyn Sink>,
            CancellationToken::new(),
        )
    }

    struct Faulty(u32);

    impl Decoder for Faulty {
        fn said(&mut self, _: Side, bytes: &[u8]) -> Vec<Heard> {
            assert!(bytes != b"poison", "a decoder with a fault");
            self.0 += 1;
            let fact = unreadable("seen", &format!("{} pieces", self.0), None);
            vec![Heard {
                fact,
                raw: bytes.to_vec(),
                redactions: Redactions::default(),
            }]
        }

        fn ended(&mut self) -> Vec<Heard> {
            Vec::new()
        }

        fn take_unreported(&mut self) -> Redactions {
            Redactions::default()
        }
    }

    fn reasons(journal: &Journal) -> Vec<String> {
        let records = journal.records.lock().unwrap();
        let reason = |captured: &Captured| match &captured.fact {
            Fact::Unreadable(unreadable) => unreadable.reason.to_string(),
            other => format!("{other:?}"),
        };
        records.iter().map(reason).collect()
    }

    #[tokio::test]
    async fn a_decoder_that_panics_starts_anew_and_says_so() {
        let journal = Arc::<Journal>::default();
        let (ear, hearing) = ear(&Held::default());
        for piece in [&b"a"[..], b"poison", b"b"] {
            ear.hears(Side::Pos, piece);
        }
        drop(ear);
        listener(&journal).listen(hearing, || Box::new(Faulty(0))).await;
        assert_eq!(reasons(&journal), ["seen", "decoder-failed", "seen"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_journal_is_asked_again_until_it_takes() {
        let journal = Arc::<Journal>::default();
        journal
            .troubles
            .lock()
            .unwrap()
            .extend([Trouble::Busy, Trouble::Busy]);
        let (ear, hearing) = ear(&Held::default());
        ear.hears(Side::Pos, b"a");
        ear.hears(Side::Pos, b"b");
        drop(ear);
        listener(&journal).listen(hearing, || Box::new(Faulty(0))).await;
        assert_eq!(reasons(&journal), ["seen", "seen"]);
    }

    #[tokio::test]
    async fn a_journal_that_panics_costs_one_record_not_the_listener() {
        let journal = Arc::<Journal>::default();
        journal.troubles.lock().unwrap().push(Trouble::Panics);
        let (ear, hearing) = ear(&Held::default());
        ear.hears(Side::Pos, b"a");
        ear.hears(Side::Pos, b"b");
        drop(ear);
        listener(&journal).listen(hearing, || Box::new(Faulty(0))).await;
        assert_eq!(reasons(&journal), ["seen"]);
    }
}
