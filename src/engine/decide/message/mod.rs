//! What is said to the customer: compiled messages and their renderer.
//!
//! A decide ends with a sentence in the customer's language. fluent-bundle would allocate and lock for each one, so
//! `config::message` compiles Fluent patterns at load to a flat list of [`Op`]s over one text arena, and rendering walks
//! that list forward once into a buffer of the caller. Values are copied, never read as a pattern again, so nothing a
//! customer is called can become markup of ours.
//!
//! Reading order: the numbers and arguments a pattern may name, the buffer, the operations, the table of messages.
//!
//! Deliberately absent: the Fluent syntax (`config::message`), digits and decimal marks by locale (numbers are written
//! with ASCII digits and a point, as fluent-bundle does), dates, and any choice of which message to send.

mod argument;
mod buffer;
mod locale;
mod messages;
mod number;
mod plural;
mod program;

pub use argument::{Argument, ArgumentKind, ArgumentSet, Arguments, VALUE_LEN_MAX, Value};
pub use buffer::{MESSAGE_LEN_MAX, MessageBuffer};
pub use locale::{LOCALE_LEN_MAX, LocaleIx};
pub use messages::{
    Entry, LOCALE_COUNT_MAX, MESSAGE_COUNT_MAX, MessageIx, Messages, MessagesError, RenderError, Rendered,
};
pub use number::{Decimal, FRACTION_DIGITS_MAX, Format};
pub use plural::{Category, PluralKind, Plurals};
pub use program::{Label, MessageCode, OP_COUNT_MAX, Op, Program, ProgramBuilder, Test};
