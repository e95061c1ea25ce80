//! All messages of all locales, side by side.

use std::collections::BTreeMap;

use fluent_syntax::ast::{Entry as Syntax, Identifier, Pattern};

use super::compile::compile;
use super::parse::File;
use crate::config::mistake::Mistake;
use crate::engine::decide::message::{
    Entry, LocaleIx, MESSAGE_COUNT_MAX, MessageCode, Messages, Plurals, Program, ProgramBuilder,
};

/// A pattern and the file it is in.
type Located<'a> = (&'a File<'a>, &'a Pattern<&'a str>);

/// The messages and terms of one locale.
#[derive(Debug)]
pub(super) struct Catalogue<'a> {
    tag: &'a str,
    plurals: &'a Plurals,
    files: Vec<&'a File<'a>>,
    messages: BTreeMap<&'a str, Located<'a>>,
    terms: BTreeMap<&'a str, Located<'a>>,
}

impl<'a> Catalogue<'a> {
    /// Collects the entries of a locale's files.
    pub(super) fn of(
        tag: &'a str,
        plurals: &'a Plurals,
        files: impl Iterator<Item = &'a File<'a>>,
        mistakes: &mut Vec<Mistake>,
    ) -> Self {
        let files: Vec<_> = files.collect();
        let (mut messages, mut terms) = (BTreeMap::new(), BTreeMap::new());
        for file in &files {
            for entry in &file.entries {
                match entry {
                    Syntax::Message(message) => {
                        let value = message.value.as_ref();
                        refuse_attributes(
                            file,
                            message.attributes.first().map(|attribute| &attribute.id),
                            mistakes,
                        );
                        insert(&mut messages, file, &message.id, value, mistakes);
                    }
                    Syntax::Term(term) => {
                        refuse_attributes(file, term.attributes.first().map(|attribute| &attribute.id), mistakes);
                        insert(&mut terms, file, &term.id, Some(&term.value), mistakes);
                    }
                    Syntax::Comment(_) | Syntax::GroupComment(_) | Syntax::ResourceComment(_) | Syntax::Junk { .. } => {
                    }
                }
            }
        }
        Self {
            tag,
            plurals,
            files,
            messages,
            terms,
        }
    }

    /// The plural rules of the locale.
    pub(super) const fn plurals(&self) -> &'a Plurals {
        self.plurals
    }

    /// A message of the locale.
    pub(super) fn message(&self, id: &str) -> Option<Located<'a>> {
        self.messages.get(id).copied()
    }

    /// A term of the locale.
    pub(super) fn term(&self, id: &str) -> Option<Located<'a>> {
        self.terms.get(id).copied()
    }
}

fn insert<'a>(
    into: &mut BTreeMap<&'a str, Located<'a>>,
    file: &'a File<'a>,
    id: &Identifier<&'a str>,
    value: Option<&'a Pattern<&'a str>>,
    mistakes: &mut Vec<Mistake>,
) {
    let Some(value) = value else { return };
    if let Some((first, _)) = into.insert(id.name, (file, value)) {
        let expected = format!("each id once in a locale; the first is in {}", first.source.name);
        mistakes.push(file.mistake(id.name, format!("`{}` is there twice", id.name), expected));
    }
}

fn refuse_attributes(file: &File<'_>, attribute: Option<&Identifier<&str>>, mistakes: &mut Vec<Mistake>) {
    if let Some(attribute) = attribute {
        let expected = "a message of its own";
        mistakes.push(file.mistake(
            attribute.name,
            format!("`.{}`: attributes are not supported", attribute.name),
            expected,
        ));
    }
}

/// Compiles everything; the first catalogue is the default locale's.
pub(super) fn build(catalogues: &[Catalogue<'_>], mistakes: &mut Vec<Mistake>) -> Option<Messages> {
    let default = catalogues.first()?;
    let ids: Vec<&str> = default.messages.keys().copied().collect();
    if ids.len() > MESSAGE_COUNT_MAX {
        let (what, expected) = (
            format!("{} messages", ids.len()),
            format!("at most {MESSAGE_COUNT_MAX}"),
        );
        mistakes.extend(default.files.first().map(|file| file.mistake_at_end(what, expected)));
        return None;
    }
    for catalogue in catalogues {
        report_extra(catalogue, default, mistakes);
    }
    let (program, compiled) = compile_all(catalogues, mistakes);
    let mut entries = Vec::with_capacity(catalogues.len() * ids.len());
    for at in 0..catalogues.len() {
        for id in &ids {
            entries.extend(entry(catalogues, &compiled, at, id, mistakes));
        }
    }
    if !mistakes.is_empty() {
        return None;
    }
    let locales = catalogues
        .iter()
        .map(|catalogue| (catalogue.tag.to_owned(), catalogue.plurals.clone()))
        .collect();
    let ids = ids.into_iter().map(str::to_owned).collect();
    Messages::new(program, locales, ids, entries, LocaleIx(0)).ok()
}

type Compiled<'a> = Vec<BTreeMap<&'a str, MessageCode>>;

fn compile_all<'a>(catalogues: &[Catalogue<'a>], mistakes: &mut Vec<Mistake>) -> (Program, Compiled<'a>) {
    let mut builder = ProgramBuilder::default();
    let mut compiled = Vec::new();
    for catalogue in catalogues {
        let mut codes = BTreeMap::new();
        for (id, (file, pattern)) in &catalogue.messages {
            if let Ok(code) = compile(catalogue, id, file, pattern, &mut builder, mistakes) {
                codes.insert(*id, code);
            }
        }
        compiled.push(codes);
    }
    (builder.finish(), compiled)
}

/// The message in its locale, or in the plain language of a regional locale.
fn entry(
    catalogues: &[Catalogue<'_>],
    compiled: &Compiled<'_>,
    at: usize,
    id: &str,
    mistakes: &mut Vec<Mistake>,
) -> Option<Entry> {
    let catalogue = catalogues.get(at)?;
    let language = catalogue.tag.split('-').next().unwrap_or_default();
    let plain = catalogues.iter().position(|other| other.tag == language);
    for source in [Some(at), plain].into_iter().flatten() {
        if catalogues
            .get(source)
            .is_some_and(|catalogue| catalogue.messages.contains_key(id))
        {
            let code = *compiled.get(source)?.get(id)?;
            return Some(Entry {
                code,
                written_in: LocaleIx(u8::try_from(source).ok()?),
            });
        }
    }
    // Reported once: in the plain language, if that is there.
    if plain.is_none_or(|plain| plain == at)
        && let Some(file) = catalogue.files.first()
    {
        let what = format!("`{id}` has no translation in `{}`", catalogue.tag);
        mistakes.push(file.mistake_at_end(what, format!("`{id} = ...`, as in the default locale")));
    }
    None
}

fn report_extra(catalogue: &Catalogue<'_>, default: &Catalogue<'_>, mistakes: &mut Vec<Mistake>) {
    for (id, (file, _)) in &catalogue.messages {
        if !default.messages.contains_key(id) {
            let what = format!("`{id}` is not a message of the default locale `{}`", default.tag);
            mistakes.push(file.mistake(id, what, "the same ids in every locale"));
        }
    }
}
