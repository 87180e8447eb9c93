//! Where messages are written: reads from the journal, packs, signs. Blocking work, done off the event loop.

use std::collections::HashMap;

use anyhow::Context;
use tillwire_agent_core::uplink::SegmentFacts;
use tillwire_proto::{
    AgentHealth, AgentHello, AttachmentBundle, AttachmentChunk, BUNDLE_LEN_MAX, BUNDLED_MAX, Batch, Blob,
    CHUNK_LEN_MAX, Digest, EnvelopeError, HELLO_SEGMENTS_MAX, Kind, Note, RECORDS_MAX, RecordNumber,
    RelayHello, SegmentId, SegmentState, Sign, Stamp, UNPACKED_LEN_MAX, Version, seal,
};
use zstd::bulk::Decompressor;

use crate::journal::{KeptAttachment, Reader, Segment};

/// Packed bodies aimed at, in bytes: a message of 64 KiB less envelope, header and a margin for the guess.
const PACKED_GOAL: usize = 56 * 1024;

/// Bodies per batch at most, in bytes: what may be unpacked, less the four bytes before each.
const PLAIN_MAX: usize = UNPACKED_LEN_MAX - 4 * RECORDS_MAX;

/// Reads, packs and signs.
pub struct Desk {
    reader: Reader,
    signer: Box<dyn Sign + Send>,
    version: Version,
    /// Local numbers of segments, so that a receipt costs one look-up.
    numbers: HashMap<SegmentId, i64>,
    /// Of record bodies.
    facts: Goal,
    /// Of attachments.
    captured: Goal,
    /// For attachments as they are kept; one, because each begins with a large table.
    unpacker: Decompressor<'static>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// What is to be sent of attachments.
#[derive(Debug)]
pub enum Attachments {
    /// A message.
    Ready(Load),
    /// The first is on disk, and not what its digest says; in words.
    Rotten {
        /// Its number.
        number: u64,
        /// What was found.
        detail: Note,
    },
    /// None is on disk.
    Gone,
}

/// Attachments, or a piece of one, ready to leave.
#[derive(Debug)]
pub struct Load {
    /// The message.
    pub message: Vec<u8>,
    /// Number of the last attachment in it.
    pub through: u64,
    /// What its receipt will name: the bundle, or the attachment that the piece is of.
    pub digest: Digest,
}

/// How many bytes, unpacked, will pack into a message.
#[derive(Debug)]
struct Goal {
    plain: usize,
    /// Never more than this.
    max: usize,
}

impl Goal {
    const fn new(max: usize) -> Self {
        Self {
            plain: PACKED_GOAL,
            max,
        }
    }

    /// Moves the goal towards what this message shows of how well its kind packs.
    fn learn(&mut self, plain: usize, packed: usize) {
        // A few pack worse than many: they say little about a full message.
        if plain >= PACKED_GOAL / 2 || packed > PACKED_GOAL {
            let fits = plain.saturating_mul(PACKED_GOAL) / packed.max(1) / 10 * 9;
            self.plain = fits.clamp(PACKED_GOAL / 4, self.max);
        }
    }
}

impl Desk {
    /// A desk over a journal.
    ///
    /// # Panics
    /// When there is no memory for a table of zstd's.
    #[must_use]
    pub fn new(reader: Reader, signer: Box<dyn Sign + Send>, version: Version) -> Self {
        Self {
            reader,
            signer,
            version,
            numbers: HashMap::new(),
            facts: Goal::new(PLAIN_MAX),
            captured: Goal::new(BUNDLE_LEN_MAX),
            unpacker: Decompressor::new().expect("zstd has memory for a table"),
        }
    }

    /// What is on disk, for the machine.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn segments(&mut self) -> anyhow::Result<Vec<SegmentFacts>> {
        let segments = self.reader.segments()?;
        self.numbers.extend(segments.iter().map(|s| (s.id, s.no)));
        Ok(segments.into_iter().map(facts).collect())
    }

    /// One segment that the journal began.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn segment(&mut self, id: SegmentId) -> anyhow::Result<Option<SegmentFacts>> {
        let segment = self.reader.segment(id)?;
        self.numbers.extend(segment.iter().map(|s| (s.id, s.no)));
        Ok(segment.map(facts))
    }

    /// The hello, in as many messages as it needs.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn hello(&mut self, stamp: Stamp, health: &AgentHealth) -> anyhow::Result<Vec<Vec<u8>>> {
        let segments: Vec<SegmentState> = self.reader.segments()?.into_iter().map(state).collect();
        let mut parts: Vec<&[SegmentState]> = segments.chunks(HELLO_SEGMENTS_MAX).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let count = parts.len();
        let messages = parts.into_iter().enumerate().map(|(index, part)| {
            let hello = AgentHello {
                version: self.version.clone(),
                stamp,
                segments: part.to_vec(),
                more: index + 1 < count,
                health: health.clone(),
            };
            seal(Kind::AgentHello, &hello, &*self.signer).context("cannot write a hello")
        });
        messages.collect()
    }

    /// A batch from `from` on, and the number of its last record; `None` when that record is not on disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn batch(
        &mut self,
        segment: SegmentId,
        from: RecordNumber,
        with_header: bool,
    ) -> anyhow::Result<Option<(Vec<u8>, RecordNumber)>> {
        let Some(no) = self.number(segment)? else {
            return Ok(None);
        };
        let Some(run) = self.reader.bodies(no, from, RECORDS_MAX, self.facts.plain)? else {
            return Ok(None);
        };
        let header = match with_header {
            true => self.reader.segment(segment)?.map(|s| s.header),
            false => None,
        };
        let mut bodies = &run.bodies[..];
        loop {
            let batch = Batch::pack(segment, header.clone(), from, run.previous, bodies);
            self.facts
                .learn(bodies.iter().map(Vec::len).sum(), batch.bodies.0.len());
            match seal(Kind::Batch, &batch, &*self.signer) {
                Ok(message) => return Ok(Some((message, batch.last_number()))),
                Err(EnvelopeError::TooLong { .. }) if bodies.len() > 1 => {
                    bodies = &bodies[..bodies.len() / 2];
                }
                Err(error) => return Err(error).context("cannot write a batch"),
            }
        }
    }

    /// As many attachments of `from..=through` as fit a message, or a piece of the first from `offset` on.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn attachments(
        &mut self,
        segment: SegmentId,
        from: u64,
        through: u64,
        offset: u32,
    ) -> anyhow::Result<Attachments> {
        let Some(no) = self.number(segment)? else {
            return Ok(Attachments::Gone);
        };
        let goal = self.captured.plain;
        let count = if offset > 0 { 1 } else { BUNDLED_MAX };
        let kept = self.reader.attachments(no, from..=through, count, goal)?;
        let Some(first) = kept.first() else {
            return Ok(Attachments::Gone);
        };
        if offset > 0 {
            return self.piece(first, offset).map(Attachments::Ready);
        }
        let long = first.packed.len() > CHUNK_LEN_MAX || first.len as usize > BUNDLE_LEN_MAX;
        let together = if long { &kept[..1] } else { &kept[..] };
        let whole: Vec<Vec<u8>> = together
            .iter()
            .map_while(|one| one.unpack(&mut self.unpacker))
            .collect();
        if whole.is_empty() {
            return Ok(rotten(segment, first));
        }
        let load = if long {
            self.piece(first, offset)
        } else {
            self.bundle(&kept[..whole.len()], &whole)
        };
        load.map(Attachments::Ready)
    }

    fn bundle(&mut self, kept: &[KeptAttachment], whole: &[Vec<u8>]) -> anyhow::Result<Load> {
        let mut count = whole.len();
        loop {
            let bundle = AttachmentBundle::pack(&whole[..count]);
            self.captured
                .learn(whole[..count].iter().map(Vec::len).sum(), bundle.packed.0.len());
            match seal(Kind::AttachmentBundle, &bundle, &*self.signer) {
                Ok(message) => {
                    return Ok(Load {
                        message,
                        through: kept[count - 1].number,
                        digest: AttachmentBundle::name(kept[..count].iter().map(|kept| kept.digest)),
                    });
                }
                Err(EnvelopeError::TooLong { .. }) if count > 1 => count /= 2,
                Err(error) => return Err(error).context("cannot write attachments"),
            }
        }
    }

    fn piece(&self, kept: &KeptAttachment, offset: u32) -> anyhow::Result<Load> {
        let start = (offset as usize).min(kept.packed.len());
        let end = (start + CHUNK_LEN_MAX).min(kept.packed.len());
        let chunk = AttachmentChunk {
            digest: kept.digest,
            len: kept.len,
            packed_len: u32::try_from(kept.packed.len()).context("an attachment is longer than 4 GiB")?,
            offset: u32::try_from(start).context("an attachment is longer than 4 GiB")?,
            bytes: Blob(kept.packed[start..end].to_vec()),
        };
        let message = seal(Kind::Attachment, &chunk, &*self.signer).context("cannot write an attachment")?;
        Ok(Load {
            message,
            through: kept.number,
            digest: kept.digest,
        })
    }

    /// Our chain hash at a number; `None` when it is not on disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn ours(&mut self, segment: SegmentId, number: RecordNumber) -> anyhow::Result<Option<Digest>> {
        match self.number(segment)? {
            Some(no) => self.reader.hash(no, number),
            None => Ok(None),
        }
    }

    /// Our hashes at the relay's marks.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn ours_of(&mut self, hello: &RelayHello) -> anyhow::Result<Vec<Option<Digest>>> {
        hello
            .marks
            .iter()
            .map(|mark| self.ours(mark.segment, mark.through))
            .collect()
    }

    fn number(&mut self, segment: SegmentId) -> anyhow::Result<Option<i64>> {
        if let Some(no) = self.numbers.get(&segment) {
            return Ok(Some(*no));
        }
        self.segment(segment)?;
        Ok(self.numbers.get(&segment).copied())
    }
}

fn rotten(segment: SegmentId, kept: &KeptAttachment) -> Attachments {
    let number = kept.number;
    let detail = format!(
        "the disk changed captured bytes: attachment {number} of segment {segment} is not what its digest says; the \
         sale itself is not touched; look at this box's disk with `tillwire-agent journal verify`, and replace it"
    );
    Attachments::Rotten {
        number,
        detail: Note::cleaned(&detail).expect("the text is printable"),
    }
}

fn facts(segment: Segment) -> SegmentFacts {
    SegmentFacts {
        lane: segment.lane,
        segment: segment.id,
        first_kept: segment.pruned.number.next(),
        last: segment.last.number,
        receipted: segment.receipted,
        attachments: segment.attachments,
        attached: segment.attached,
    }
}

fn state(segment: Segment) -> SegmentState {
    SegmentState {
        lane: segment.lane,
        segment: segment.id,
        first_kept: segment.pruned.number.next(),
        last: segment.last.number,
        hash: segment.last.hash,
    }
}
