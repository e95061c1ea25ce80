//! The contract as descriptors: compiled from the `.proto` files as they are, and as they were committed.
//!
//! Shared by the compatibility test and by `cargo run --locked -p nextbest-proto --example descriptor`, which refreshes the
//! committed files. Comments are left out of the descriptors, so that better words change nothing here.

pub(crate) mod breaks;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use nextbest_proto::error::{Entry, TABLE};
use prost::Message;
use prost_types::field_descriptor_proto::Label;
use prost_types::{FieldDescriptorProto, FileDescriptorSet};

pub(crate) const FILES: [&str; 3] = [
    "nextbest/v1/common.proto",
    "nextbest/v1/hub.proto",
    "nextbest/v1/app.proto",
];
pub(crate) const REFRESH: &str = "cargo run --locked -p nextbest-proto --example descriptor";

/// Where the descriptor set is committed.
pub(crate) fn set_path() -> PathBuf {
    root().join("descriptor/nextbest.v1.binpb")
}

/// Where the same is committed for people to read.
pub(crate) fn listing_path() -> PathBuf {
    root().join("descriptor/nextbest.v1.txt")
}

/// Where the table of errors is committed, for people who build in another language.
pub(crate) fn errors_path() -> PathBuf {
    root().join("descriptor/errors.md")
}

/// The descriptors of the `.proto` files as they are.
pub(crate) fn compile() -> Result<FileDescriptorSet, Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([root()])?;
    let files = compiler.include_imports(true).open_files(FILES)?;
    // Through bytes, so that what is compared is what is committed.
    Ok(FileDescriptorSet::decode(
        &files.file_descriptor_set().encode_to_vec()[..],
    )?)
}

/// The descriptors as they were committed.
pub(crate) fn committed() -> Result<FileDescriptorSet, Box<dyn Error>> {
    Ok(FileDescriptorSet::decode(&fs::read(set_path())?[..])?)
}

/// One line for each field and value of the contract.
pub(crate) fn listing(set: &FileDescriptorSet) -> String {
    let mut lines = vec![format!(
        "The contract, one line for each field and value. Written by `{REFRESH}`."
    )];
    for file in &set.file {
        for message in &file.message_type {
            lines.push(format!("\nmessage {}", message.name()));
            let line =
                |field: &FieldDescriptorProto| format!("  {:>3} {}: {}", field.number(), field.name(), kind(field));
            lines.extend(message.field.iter().map(line));
        }
        for enumeration in &file.enum_type {
            lines.push(format!("\nenum {}", enumeration.name()));
            let values = &enumeration.value;
            lines.extend(
                values
                    .iter()
                    .map(|value| format!("  {:>3} {}", value.number(), value.name())),
            );
        }
    }
    lines.join("\n") + "\n"
}

/// The table of errors as Markdown.
pub(crate) fn errors() -> String {
    let head = format!(
        "# Errors\n\nWritten by `{REFRESH}` from `src/error.rs`. The number is `Error.code`, and the QUIC application error code \
         with which a stream or a connection is closed.\n\n| number | name | retry | who has to act | sentence |\n|---|---|---|---|---|\n"
    );
    let row = |row: &Entry| {
        let Entry {
            code: _,
            name,
            sentence,
            retry,
            fault,
        } = row;
        let retry = if *retry { "later, unchanged" } else { "no" };
        format!(
            "| {} | `{name}` | {retry} | {} | {sentence} |\n",
            row.number(),
            format!("{fault:?}").to_lowercase()
        )
    };
    head + &TABLE.iter().map(row).collect::<String>()
}

/// A field's type as it is written in a `.proto` file, and whether it may be absent or come more than once.
pub(crate) fn kind(field: &FieldDescriptorProto) -> String {
    let label = match field.label() {
        Label::Repeated => "repeated ",
        Label::Optional if field.proto3_optional() => "optional ",
        Label::Optional | Label::Required => "",
    };
    let scalar = field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase();
    let named = field
        .type_name
        .as_ref()
        .map(|name| name.trim_start_matches('.').to_owned());
    format!("{label}{}", named.unwrap_or(scalar))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
