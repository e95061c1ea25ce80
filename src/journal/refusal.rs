//! Why a journal is not opened. Each names the file, and where in it.

use std::io;

use thiserror::Error;

use super::format::{BadHeader, FORMAT_VERSION};

/// Why a journal is not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another process uses this journal")]
    InUse,
    /// The system says no.
    #[error("cannot {what} {file}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file's name; the directory's is not known here.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// What is there is not what was written.
    #[error("{file} is damaged at byte {offset}: {found}. `nextbest journal salvage` copies what is whole")]
    Damaged {
        /// The file's name.
        file: String,
        /// Where, in bytes from its start.
        offset: u64,
        /// What was found there.
        found: String,
    },
    /// Something is not there.
    #[error("{file} is missing: {why}")]
    Missing {
        /// What should be there.
        file: String,
        /// How that is known.
        why: String,
    },
    /// A file of another journal.
    #[error("{file} belongs to another journal")]
    Foreign {
        /// The file's name.
        file: String,
    },
    /// A later version wrote it.
    #[error(
        "{file} has format version {version}, and this program reads up to {FORMAT_VERSION}: use the one that wrote it"
    )]
    Newer {
        /// The file's name.
        file: String,
        /// Its version.
        version: u32,
    },
    /// A file is not what its name says.
    #[error("{file} is out of place: {why}")]
    OutOfPlace {
        /// The file's name.
        file: String,
        /// How that is known.
        why: String,
    },
    /// The keys are open to others.
    #[error("{file} can be read by others than its owner: `chmod 600` it, and see who has read it")]
    Readable {
        /// The file's name.
        file: String,
    },
    /// The settings cannot be.
    #[error("{0}")]
    Settings(&'static str),
}

/// What the system said when `what` was tried with `file`.
pub(super) fn io_error(what: &'static str, file: &str) -> impl FnOnce(io::Error) -> OpenError {
    let file = file.to_owned();
    move |source| OpenError::Io { what, file, source }
}

/// Why a file has no header.
pub(super) fn bad_header(file: &str, bad: BadHeader) -> OpenError {
    let file = file.to_owned();
    match bad {
        BadHeader::Newer(version) => OpenError::Newer { file, version },
        BadHeader::Magic | BadHeader::Damaged => OpenError::Damaged {
            file,
            offset: 0,
            found: bad.to_string(),
        },
    }
}
