//! One message to operations.
//!
//! Terms and messages that it refers to are copied in, so nothing is looked up at render. A term sees only the literals
//! that are passed to it, as Fluent says, so what it chooses by is known here and costs nothing later.

use std::borrow::Cow;

use fluent_syntax::ast::{
    CallArguments, Expression, Identifier, InlineExpression, NamedArgument, Pattern, PatternElement,
};
use fluent_syntax::unicode::unescape_unicode_to_string;

use super::number::NumberOptions;
use super::parse::File;
use super::table::Catalogue;
use crate::config::mistake::Mistake;
use crate::engine::decide::message::{Argument, ArgumentKind, Decimal, MESSAGE_LEN_MAX, MessageCode, ProgramBuilder};

/// Most elements that one message may have once terms and messages are copied in.
const STEPS_PER_MESSAGE_MAX: usize = 2_048;
/// Most bytes of text that one message may have in all its variants.
const TEXT_PER_MESSAGE_MAX: usize = 64 * 1_024;
/// Longest chain of references.
const REFERENCE_DEPTH_MAX: usize = 16;

/// The mistake is already recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

/// What an expression stands for.
#[derive(Clone, Debug)]
pub(super) enum Choice<'a> {
    Argument(Argument),
    Text(Cow<'a, str>),
    Number(Decimal),
    /// A term's argument that was not passed.
    NotPassed,
}

impl Choice<'_> {
    pub(super) fn may_be_number(&self) -> bool {
        match self {
            Self::Argument(argument) => argument.kind() == ArgumentKind::Number,
            Self::Number(_) | Self::NotPassed => true,
            Self::Text(_) => false,
        }
    }
}

/// Compiles one message of one locale.
#[derive(Debug)]
pub(super) struct MessageCompiler<'a, 'b> {
    pub(super) catalogue: &'b Catalogue<'a>,
    pub(super) builder: &'b mut ProgramBuilder,
    pub(super) mistakes: &'b mut Vec<Mistake>,
    /// The file of the pattern at hand, which a reference changes.
    file: &'b File<'a>,
    /// What is being copied in, outermost first.
    references: Vec<Reference<'a>>,
    /// What was passed to the term at hand; `None` outside of terms.
    passed: Option<&'a [NamedArgument<&'a str>]>,
    steps_left: usize,
    text_left: usize,
}

/// A message or a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) name: &'a str,
    pub(super) is_term: bool,
}

/// Compiles the message `id`; if that fails, why is in `mistakes`.
pub(super) fn compile<'a>(
    catalogue: &Catalogue<'a>,
    id: &'a str,
    file: &File<'a>,
    pattern: &'a Pattern<&'a str>,
    builder: &mut ProgramBuilder,
    mistakes: &mut Vec<Mistake>,
) -> Result<MessageCode, Failed> {
    let mut compiler = MessageCompiler {
        catalogue,
        builder,
        mistakes,
        file,
        references: vec![Reference {
            name: id,
            is_term: false,
        }],
        passed: None,
        steps_left: STEPS_PER_MESSAGE_MAX,
        text_left: TEXT_PER_MESSAGE_MAX,
    };
    let result = compiler.pattern(pattern).and_then(|()| compiler.check_length(id));
    if let Err(failed) = result {
        builder.drop_message();
        return Err(failed);
    }
    Ok(builder.end_message())
}

impl<'a> MessageCompiler<'a, '_> {
    /// All elements, also after a mistake, so that one run finds them all.
    pub(super) fn pattern(&mut self, pattern: &'a Pattern<&'a str>) -> Result<(), Failed> {
        let mut result = Ok(());
        for element in &pattern.elements {
            self.step()?;
            let element = match element {
                PatternElement::TextElement { value } => self.text(value),
                PatternElement::Placeable { expression } => self.expression(expression),
            };
            result = result.and(element);
        }
        result
    }

    /// What an expression stands for, and how a number in it is shown; `at` is where to report a mistake.
    pub(super) fn choice(
        &mut self,
        expression: &'a InlineExpression<&'a str>,
        at: &'a str,
    ) -> Result<(Choice<'a>, NumberOptions), Failed> {
        let choice = match expression {
            InlineExpression::StringLiteral { value } => Choice::Text(unescape_unicode_to_string(value)),
            InlineExpression::NumberLiteral { value } => Choice::Number(self.literal(value)?),
            InlineExpression::VariableReference { id } => self.variable(id)?,
            InlineExpression::FunctionReference { id, arguments } => return self.call(id, arguments),
            InlineExpression::MessageReference { .. }
            | InlineExpression::TermReference { .. }
            | InlineExpression::Placeable { .. } => {
                return Err(self.refuse(at, "this is not a value", "an argument such as `$walk`, or a literal"));
            }
        };
        Ok((choice, NumberOptions::default()))
    }

    /// Records a mistake at `slice` of the file at hand.
    pub(super) fn refuse(&mut self, slice: &str, what: impl Into<String>, expected: impl Into<String>) -> Failed {
        self.mistakes.push(self.file.mistake(slice, what, expected));
        Failed
    }

    fn expression(&mut self, expression: &'a Expression<&'a str>) -> Result<(), Failed> {
        match expression {
            Expression::Select { selector, variants } => self.select(selector, variants),
            Expression::Inline(inline) => self.inline(inline),
        }
    }

    fn inline(&mut self, inline: &'a InlineExpression<&'a str>) -> Result<(), Failed> {
        match inline {
            InlineExpression::Placeable { expression } => self.expression(expression),
            InlineExpression::MessageReference { id, attribute } => {
                self.refuse_attribute(attribute.as_ref())?;
                self.message_reference(id)
            }
            InlineExpression::TermReference {
                id,
                attribute,
                arguments,
            } => {
                self.refuse_attribute(attribute.as_ref())?;
                self.term_reference(id, arguments.as_ref())
            }
            InlineExpression::StringLiteral { .. }
            | InlineExpression::NumberLiteral { .. }
            | InlineExpression::FunctionReference { .. }
            | InlineExpression::VariableReference { .. } => {
                let at = place_of(inline);
                let (choice, options) = self.choice(inline, at)?;
                self.write(&choice, options, at)
            }
        }
    }

    fn write(&mut self, choice: &Choice<'a>, options: NumberOptions, at: &'a str) -> Result<(), Failed> {
        match choice {
            Choice::Argument(argument) => self.builder.argument(*argument, options.format),
            Choice::Text(text) => self.text(text)?,
            Choice::Number(number) => self.text(&number.to_text(options.format))?,
            Choice::NotPassed => {
                let expected = format!(
                    "`{{ -{}({at}: \"..\") }}` where it is used",
                    self.references.last().map_or("", |reference| reference.name)
                );
                return Err(self.refuse(at, format!("`${at}` is not passed to this term"), expected));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Failed> {
        self.text_left = match self.text_left.checked_sub(text.len()) {
            Some(left) if !self.builder.is_full() => left,
            Some(_) | None => return Err(self.too_long()),
        };
        self.builder.text(text);
        Ok(())
    }

    fn variable(&mut self, id: &Identifier<&'a str>) -> Result<Choice<'a>, Failed> {
        let Some(passed) = self.passed else {
            return Argument::from_name(id.name).map(Choice::Argument).ok_or_else(|| {
                let known: Vec<_> = Argument::ALL
                    .iter()
                    .map(|argument| format!("`${}`", argument.name()))
                    .collect();
                let expected = format!("one of {}", known.join(", "));
                self.refuse(
                    id.name,
                    format!("`${}` is not an argument of messages", id.name),
                    expected,
                )
            });
        };
        match passed.iter().find(|argument| argument.name.name == id.name) {
            Some(argument) => self.choice(&argument.value, id.name).map(|(choice, _)| choice),
            None => Ok(Choice::NotPassed),
        }
    }

    fn message_reference(&mut self, id: &Identifier<&'a str>) -> Result<(), Failed> {
        let Some((file, pattern)) = self.catalogue.message(id.name) else {
            let what = format!("there is no message `{}` in this locale", id.name);
            return Err(self.refuse(id.name, what, "a message of this locale, or `$argument`"));
        };
        let reference = Reference {
            name: id.name,
            is_term: false,
        };
        self.copy_in(reference, file, pattern, self.passed)
    }

    fn term_reference(
        &mut self,
        id: &Identifier<&'a str>,
        arguments: Option<&'a CallArguments<&'a str>>,
    ) -> Result<(), Failed> {
        let Some((file, pattern)) = self.catalogue.term(id.name) else {
            let what = format!("there is no term `-{}` in this locale", id.name);
            return Err(self.refuse(id.name, what, format!("a line `-{} = ...` in this locale", id.name)));
        };
        if arguments.is_some_and(|arguments| !arguments.positional.is_empty()) {
            let expected = format!("named ones: `-{}(case: \"genitive\")`", id.name);
            return Err(self.refuse(id.name, "terms do not take positional arguments", expected));
        }
        let passed = arguments.map_or(&[][..], |arguments| arguments.named.as_slice());
        self.copy_in(
            Reference {
                name: id.name,
                is_term: true,
            },
            file,
            pattern,
            Some(passed),
        )
    }

    fn copy_in(
        &mut self,
        reference: Reference<'a>,
        file: &'a File<'a>,
        pattern: &'a Pattern<&'a str>,
        passed: Option<&'a [NamedArgument<&'a str>]>,
    ) -> Result<(), Failed> {
        self.step()?;
        if self.references.contains(&reference) {
            let path: Vec<_> = self
                .references
                .iter()
                .chain([&reference])
                .map(ToString::to_string)
                .collect();
            let what = format!("references go in a circle: {}", path.join(" -> "));
            return Err(self.refuse(
                reference.name,
                what,
                "messages and terms that do not lead back to themselves",
            ));
        }
        if self.references.len() >= REFERENCE_DEPTH_MAX {
            let expected = format!("at most {REFERENCE_DEPTH_MAX}");
            return Err(self.refuse(reference.name, "the chain of references is too long", expected));
        }
        self.references.push(reference);
        let outer = (
            std::mem::replace(&mut self.file, file),
            std::mem::replace(&mut self.passed, passed),
        );
        let result = self.pattern(pattern);
        (self.file, self.passed) = outer;
        self.references.pop();
        result
    }

    fn refuse_attribute(&mut self, attribute: Option<&Identifier<&'a str>>) -> Result<(), Failed> {
        attribute.map_or(Ok(()), |attribute| {
            Err(self.refuse(
                attribute.name,
                "attributes are not supported",
                "a message or a term of its own",
            ))
        })
    }

    /// A message that is cut even before a name is put in is a mistake of its author.
    fn check_length(&mut self, id: &str) -> Result<(), Failed> {
        let longest = self.builder.longest_text();
        if longest <= MESSAGE_LEN_MAX {
            return Ok(());
        }
        let what = format!("`{id}` can have {longest} bytes of text, not counting values");
        Err(self.refuse(
            id,
            what,
            format!("at most {MESSAGE_LEN_MAX} bytes, which is what a message may have"),
        ))
    }

    fn step(&mut self) -> Result<(), Failed> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or_else(|| self.too_long())?;
        Ok(())
    }

    fn too_long(&mut self) -> Failed {
        let message = self.references.first().map_or("", |reference| reference.name);
        let what = format!("`{message}` is too long once terms and messages are copied in");
        let expected = format!("at most {STEPS_PER_MESSAGE_MAX} elements and {TEXT_PER_MESSAGE_MAX} bytes");
        self.refuse(message, what, expected)
    }
}

impl std::fmt::Display for Reference<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}", if self.is_term { "-" } else { "" }, self.name)
    }
}

/// The part of the text that stands for an expression in a mistake.
pub(super) fn place_of<'a>(inline: &InlineExpression<&'a str>) -> &'a str {
    match inline {
        InlineExpression::StringLiteral { value } | InlineExpression::NumberLiteral { value } => value,
        InlineExpression::FunctionReference { id, .. }
        | InlineExpression::MessageReference { id, .. }
        | InlineExpression::TermReference { id, .. }
        | InlineExpression::VariableReference { id } => id.name,
        InlineExpression::Placeable { expression } => match expression.as_ref() {
            Expression::Inline(inline) | Expression::Select { selector: inline, .. } => place_of(inline),
        },
    }
}
