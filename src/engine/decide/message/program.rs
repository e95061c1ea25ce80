//! Compiled messages: operations over one text arena.
//!
//! Every message of every locale is a run in one flat list. Jumps go forward only, so a run ends after at most as many
//! steps as it has operations; the builder is the only way to make one, and its labels cannot point back.
//!
//! ```text
//! Minutes = { $walk -> [one] a minute *[other] { $walk } minutes } away
//!
//!   0  Unless $walk is one  -> 3
//!   1  Text "a minute"
//!   2  Jump -> 5
//!   3  Argument $walk
//!   4  Text " minutes"
//!   5  Text " away"
//! ```

use super::argument::{Argument, ArgumentSet};
use super::number::{Decimal, Format};
use super::plural::{Category, PluralKind};

/// Most operations of all messages together.
pub const OP_COUNT_MAX: usize = 1 << 20;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Write this part of the arena.
    Text {
        /// Where it starts, in bytes.
        start: u32,
        /// How long it is, in bytes.
        len: u32,
    },
    /// Write the value of an argument.
    Argument {
        /// Which.
        argument: Argument,
        /// How it is shown, if it is a number.
        format: Format,
    },
    /// Go on at `target` unless the argument passes the test.
    Unless {
        /// Which.
        argument: Argument,
        /// What it must be.
        test: Test,
        /// A later operation.
        target: u32,
    },
    /// Go on at a later operation.
    Jump {
        /// A later operation.
        target: u32,
    },
}

/// What the key of a Fluent variant asks of an argument.
#[derive(Clone, Copy, Debug)]
pub enum Test {
    /// The number is exactly this, however it is shown.
    Number(Decimal),
    /// The number has this plural category.
    Plural {
        /// Counting or ranking.
        kind: PluralKind,
        /// How the number is shown, which decides its category.
        format: Format,
        /// The category.
        category: Category,
    },
    /// The text is exactly this part of the arena.
    Text {
        /// Where it starts, in bytes.
        start: u32,
        /// How long it is, in bytes.
        len: u32,
    },
}

/// The run of one message in a [`Program`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCode {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Every argument that any of its variants uses.
    pub(super) needs: ArgumentSet,
}

/// All operations and texts.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub(super) ops: Box<[Op]>,
    pub(super) arena: Box<str>,
}

/// A jump that waits for its target.
#[derive(Debug)]
#[must_use = "a jump without a target ends the message"]
pub struct Label(usize);

/// Builds a [`Program`] message by message.
#[derive(Debug, Default)]
pub struct ProgramBuilder {
    ops: Vec<Op>,
    arena: String,
    /// First operation of the message being built.
    start: usize,
    /// Texts before this operation are not joined with later ones, because a jump ends here.
    joinable_from: usize,
    needs: ArgumentSet,
}

impl ProgramBuilder {
    /// Operations of the message being built.
    #[must_use]
    pub fn message_ops(&self) -> usize {
        self.ops.len() - self.start
    }

    /// Bytes of text so far.
    #[must_use]
    pub fn arena_len(&self) -> usize {
        self.arena.len()
    }

    /// The most bytes of text that any choice of variants writes, values not counted.
    #[must_use]
    pub fn longest_text(&self) -> usize {
        let ops = self.ops.get(self.start..).unwrap_or_default();
        // Jumps go forward, so going backward each target is known. One more, for the end.
        let mut longest = vec![0_usize; ops.len() + 1];
        let at = |longest: &[usize], op: usize| longest.get(op).copied().unwrap_or(0);
        let target_at = |target: u32| (target as usize).saturating_sub(self.start);
        for (index, op) in ops.iter().enumerate().rev() {
            let next = at(&longest, index + 1);
            let here = match *op {
                Op::Text { len, .. } => next + len as usize,
                Op::Argument { .. } => next,
                Op::Unless { target, .. } => next.max(at(&longest, target_at(target))),
                Op::Jump { target } => at(&longest, target_at(target)),
            };
            if let Some(slot) = longest.get_mut(index) {
                *slot = here;
            }
        }
        at(&longest, 0)
    }

    /// Whether the next message still fits.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.ops.len() >= OP_COUNT_MAX || u32::try_from(self.arena.len()).is_err()
    }

    /// Writes `text`, joined with the text before it.
    pub fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let (start, len) = self.keep(text);
        if self.ops.len() > self.joinable_from
            && let Some(Op::Text {
                start: before,
                len: before_len,
            }) = self.ops.last_mut()
            && *before + *before_len == start
        {
            *before_len += len;
            return;
        }
        self.ops.push(Op::Text { start, len });
    }

    /// Writes the value of `argument`.
    pub fn argument(&mut self, argument: Argument, format: Format) {
        self.needs = self.needs.with(argument);
        self.ops.push(Op::Argument { argument, format });
    }

    /// Skips to the label unless `argument` is this text.
    pub fn unless_text(&mut self, argument: Argument, text: &str) -> Label {
        let (start, len) = self.keep(text);
        self.unless(argument, Test::Text { start, len })
    }

    /// Skips to the label unless `argument` is exactly this number.
    pub fn unless_number(&mut self, argument: Argument, number: Decimal) -> Label {
        self.unless(argument, Test::Number(number))
    }

    /// Skips to the label unless `argument`, shown as `format` says, has this plural category.
    pub fn unless_plural(&mut self, argument: Argument, kind: PluralKind, format: Format, category: Category) -> Label {
        self.unless(argument, Test::Plural { kind, format, category })
    }

    /// Skips to the label.
    pub fn jump(&mut self) -> Label {
        self.ops.push(Op::Jump { target: u32::MAX });
        Label(self.ops.len() - 1)
    }

    /// Lets the jump end at the next operation.
    pub fn land(&mut self, label: Label) {
        let here = offset(self.ops.len());
        match self.ops.get_mut(label.0) {
            Some(Op::Unless { target, .. } | Op::Jump { target }) => *target = here,
            Some(Op::Text { .. } | Op::Argument { .. }) | None => debug_assert!(false, "labels come from jumps"),
        }
        self.joinable_from = self.ops.len();
    }

    /// Ends the message.
    pub fn end_message(&mut self) -> MessageCode {
        let code = MessageCode {
            start: offset(self.start),
            end: offset(self.ops.len()),
            needs: self.needs,
        };
        self.begin_message();
        code
    }

    /// Forgets the message being built.
    pub fn drop_message(&mut self) {
        self.ops.truncate(self.start);
        self.begin_message();
    }

    /// The finished program.
    #[must_use]
    pub fn finish(self) -> Program {
        Program {
            ops: self.ops.into_boxed_slice(),
            arena: self.arena.into_boxed_str(),
        }
    }

    fn begin_message(&mut self) {
        self.start = self.ops.len();
        self.joinable_from = self.ops.len();
        self.needs = ArgumentSet::default();
    }

    fn unless(&mut self, argument: Argument, test: Test) -> Label {
        self.needs = self.needs.with(argument);
        self.ops.push(Op::Unless {
            argument,
            test,
            target: u32::MAX,
        });
        Label(self.ops.len() - 1)
    }

    fn keep(&mut self, text: &str) -> (u32, u32) {
        let start = offset(self.arena.len());
        self.arena.push_str(text);
        (start, offset(text.len()))
    }
}

/// Offsets fit: a pack's texts are bounded far below 4 GiB, and past it a run is empty rather than wrong.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
