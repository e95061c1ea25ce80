//! Printing on standard output, whoever reads it: `nextbest check | head -1` is no mistake, and a gateway goes on when
//! nobody reads what it says any more. The standard library's `println!` panics there.

use std::fmt;
use std::io::{self, Write as _};

/// Prints a line.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::output::line(format_args!($($text)*)) };
}

/// Prints without ending the line.
macro_rules! say_part {
    ($($text:tt)*) => { $crate::cli::output::part(format_args!($($text)*)) };
}

/// Prints a line; see [`say!`].
pub(super) fn line(text: fmt::Arguments<'_>) {
    let _nobody_reads = writeln!(io::stdout(), "{text}");
}

/// Prints; see [`say_part!`].
pub(super) fn part(text: fmt::Arguments<'_>) {
    let _nobody_reads = write!(io::stdout(), "{text}");
}
