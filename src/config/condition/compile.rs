//! From CEL's syntax tree to a [`Condition`].

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators};
use cel::parser::Parser;

use super::attributes::{Attribute, Names, Role};
use super::span::Places;
use crate::config::mistake::Mistake;
use crate::config::nearest::{nearest, one_of};
use crate::config::table::{At, Text};
use crate::engine::condition::{Comparison, Condition, Quantity};

/// How deep parentheses and operators may nest.
const DEPTH_MAX: u16 = 32;

/// What stands where a truth is needed.
const TRUTH_EXPECTED: &str = "a comparison, `true`, `false`, or an attribute that is true or false";

/// Compiles a condition; what is wrong with it is added to `mistakes`.
pub(in crate::config) fn compile(
    text: &At<Text>,
    names: &Names<'_>,
    role: Role,
    mistakes: &mut Vec<Mistake>,
) -> Option<Condition> {
    let places = Places::of(text);
    match Parser::default()
        .max_recursion_depth(DEPTH_MAX)
        .parse_with_source_info(text)
    {
        Ok((expression, info)) => {
            let mut compiler = Compiler {
                names,
                role,
                places,
                info,
                mistakes,
            };
            compiler.condition(&expression).map(simplified)
        }
        Err(errors) => {
            // The first error explains the others.
            let first = errors.errors.first();
            let (line, column) = first.map_or((1, 1), |error| error.pos);
            let at = places.line_and_column(usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1));
            let reason = first
                .map_or("", |error| error.msg.as_str())
                .trim_start_matches("Syntax error: ");
            let reason = reason.split(" expecting ").next().unwrap_or_default();
            mistakes.push(at.mistake(format!("the condition is not CEL: {reason}"), TRUTH_EXPECTED));
            None
        }
    }
}

struct Compiler<'a, 'm> {
    names: &'a Names<'a>,
    role: Role,
    places: Places<'a>,
    info: SourceInfo,
    mistakes: &'m mut Vec<Mistake>,
}

impl<'a> Compiler<'a, '_> {
    fn condition(&mut self, expression: &IdedExpr) -> Option<Condition> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => Some(Condition::Constant(*value.inner())),
            Expr::Select(select) if select.test => self.presence(expression, select),
            Expr::Ident(_) | Expr::Select(_) => self.truth(expression),
            Expr::Call(call) => self.call(expression, call),
            Expr::Literal(_) | Expr::List(_) => {
                self.refuse(expression, "a value alone is no condition", TRUTH_EXPECTED)
            }
            Expr::Comprehension(_) => self.refuse(expression, "loops are not supported", "`in` with a list"),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.refuse(expression, "this part of CEL is not supported", TRUTH_EXPECTED)
            }
        }
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Option<Condition> {
        let (operator, arguments) = (call.func_name.as_str(), call.args.as_slice());
        match (operator, arguments) {
            (operators::LOGICAL_AND, _) => self.each(arguments).map(Condition::All),
            (operators::LOGICAL_OR, _) => self.each(arguments).map(Condition::Any),
            (operators::LOGICAL_NOT, [inner]) => Some(not(self.condition(inner)?)),
            (operators::IN, [value, list]) => self.member(expression, value, list),
            (_, [left, right]) => match comparison(operator) {
                Some(operator) => self.compare(expression, left, operator, right),
                None => self.unsupported(expression, operator),
            },
            _ => self.unsupported(expression, operator),
        }
    }

    /// Each of the arguments; all are compiled, so that the mistakes of each are found.
    fn each(&mut self, arguments: &[IdedExpr]) -> Option<Vec<Condition>> {
        let compiled: Vec<Option<Condition>> = arguments.iter().map(|argument| self.condition(argument)).collect();
        compiled.into_iter().collect()
    }

    /// An attribute that stands alone.
    fn truth(&mut self, expression: &IdedExpr) -> Option<Condition> {
        match self.attribute(expression)? {
            Attribute::Truth(truth) => Some(Condition::Is(truth)),
            Attribute::Category(_, values) => {
                let expected = format!("`== \"{}\"` after it, or `in [..]`", values.first().unwrap_or(&"..."));
                self.refuse(expression, "a text alone is no condition", &expected)
            }
            Attribute::Quantity(_) => {
                self.refuse(expression, "a number alone is no condition", "`>= 1` after it, or such")
            }
        }
    }

    /// `has(..)`.
    fn presence(&mut self, expression: &IdedExpr, select: &SelectExpr) -> Option<Condition> {
        let path = path(&select.operand.expr)
            .map(|path| format!("{path}.{}", select.field))
            .unwrap_or_default();
        match self.named(expression, &path)? {
            Attribute::Category(category, _) => Some(not(Condition::OneOf(category, vec![0]))),
            Attribute::Quantity(Quantity::Number(_)) => self.refuse(
                expression,
                "a number trait is 0 until it is set, never unknown",
                "a comparison",
            ),
            Attribute::Quantity(quantity) => Some(Condition::Compare(
                quantity,
                Comparison::GreaterOrEqual,
                f32::NEG_INFINITY,
            )),
            Attribute::Truth(_) => self.refuse(expression, "a truth is never unknown", "the attribute without `has`"),
        }
    }

    fn compare(
        &mut self,
        whole: &IdedExpr,
        left: &IdedExpr,
        operator: Operator,
        right: &IdedExpr,
    ) -> Option<Condition> {
        let (side, operator, value) = match (&left.expr, &right.expr) {
            (Expr::Literal(_), Expr::Ident(_) | Expr::Select(_)) => (right, operator.mirrored(), left),
            (_, Expr::Literal(_)) => (left, operator, right),
            _ => {
                let what = "an attribute is compared with a constant only";
                return self.refuse(
                    whole,
                    what,
                    "an attribute on one side and a text, a number or a truth on the other",
                );
            }
        };
        let Expr::Literal(literal) = &value.expr else {
            return None;
        };
        match (self.attribute(side)?, literal) {
            (Attribute::Category(category, values), LiteralValue::String(text)) => match operator {
                Operator::Equal => Some(Condition::OneOf(
                    category,
                    vec![self.value(value, text.inner(), &values)?],
                )),
                Operator::NotEqual => Some(not(Condition::OneOf(
                    category,
                    vec![self.value(value, text.inner(), &values)?],
                ))),
                Operator::Ordered(_) => self.refuse(whole, "texts have no order", "`==`, `!=` or `in`"),
            },
            (Attribute::Quantity(quantity), literal) if number(literal).is_some() => {
                number(literal).map(|number| operator.on(quantity, number))
            }
            (Attribute::Truth(truth), LiteralValue::Boolean(wanted)) => match (operator, *wanted.inner()) {
                (Operator::Equal, true) | (Operator::NotEqual, false) => Some(Condition::Is(truth)),
                (Operator::Equal, false) | (Operator::NotEqual, true) => Some(not(Condition::Is(truth))),
                (Operator::Ordered(_), _) => self.refuse(whole, "truths have no order", "`==` or `!=`"),
            },
            (attribute, _) => {
                let expected = match attribute {
                    Attribute::Category(..) => "a text in quotes",
                    Attribute::Quantity(_) => "a number",
                    Attribute::Truth(_) => "`true` or `false`",
                };
                self.refuse(value, "the attribute is of another type than this", expected)
            }
        }
    }

    /// `in`: a category in a list of its values, or a segment in `segments`.
    fn member(&mut self, whole: &IdedExpr, value: &IdedExpr, list: &IdedExpr) -> Option<Condition> {
        match (&value.expr, &list.expr) {
            (Expr::Literal(LiteralValue::String(id)), Expr::Ident(name)) if name == "segments" => {
                let path = format!("segments.{}", id.inner());
                match self.named(value, &path)? {
                    Attribute::Truth(truth) => Some(Condition::Is(truth)),
                    Attribute::Category(..) | Attribute::Quantity(_) => None,
                }
            }
            (Expr::Ident(_) | Expr::Select(_), Expr::List(list)) => {
                let Attribute::Category(category, values) = self.attribute(value)? else {
                    return self.refuse(
                        value,
                        "only a text can be one of a list",
                        "`==`, `<` or such for numbers",
                    );
                };
                let wanted: Vec<_> = list
                    .elements
                    .iter()
                    .map(|element| self.element(element, &values))
                    .collect();
                wanted
                    .into_iter()
                    .collect::<Option<Vec<u16>>>()
                    .map(|values| Condition::OneOf(category, values))
            }
            _ => self.refuse(
                whole,
                "this use of `in` is not supported",
                "`attribute in [\"one\", \"two\"]` or `\"id\" in segments`",
            ),
        }
    }

    fn element(&mut self, element: &IdedExpr, values: &[&str]) -> Option<u16> {
        let Expr::Literal(LiteralValue::String(text)) = &element.expr else {
            return self.refuse(element, "the list is of texts", "a text in quotes");
        };
        self.value(element, text.inner(), values)
    }

    /// A value of a closed set.
    fn value(&mut self, expression: &IdedExpr, text: &str, values: &[&str]) -> Option<u16> {
        match values.iter().position(|value| *value == text) {
            Some(at) => u16::try_from(at + 1).ok(),
            None => {
                let expected = one_of(text, values.iter().copied());
                self.refuse(
                    expression,
                    &format!("`{text}` is no value of this attribute"),
                    &expected,
                )
            }
        }
    }

    /// The attribute that the expression names.
    fn attribute(&mut self, expression: &IdedExpr) -> Option<Attribute<'a>> {
        match path(&expression.expr) {
            Some(path) => self.named(expression, &path),
            None => self.refuse(expression, "an attribute belongs here", "such as `customer.stage`"),
        }
    }

    fn named(&mut self, expression: &IdedExpr, path: &str) -> Option<Attribute<'a>> {
        let paths = self.names.paths(self.role);
        match self.names.attribute(path) {
            Some(attribute) if self.role.knows(&attribute) => Some(attribute),
            Some(_) => {
                let what = format!("`{path}` is not known in {}", self.role.name());
                self.refuse(expression, &what, &one_of("", paths.iter().map(String::as_str)))
            }
            None => {
                // Siblings are the likeliest: `traits.` lists traits.
                let family = path.split_once('.').map_or("", |(family, _)| family);
                let of_family: Vec<&str> = paths
                    .iter()
                    .map(String::as_str)
                    .filter(|path| path.split('.').next() == Some(family))
                    .collect();
                let all: Vec<&str> = paths.iter().map(String::as_str).collect();
                let listed = if of_family.is_empty() || nearest(path, all.iter().copied()).is_some() {
                    all
                } else {
                    of_family
                };
                self.refuse(
                    expression,
                    &format!("there is no attribute `{path}`"),
                    &one_of(path, listed),
                )
            }
        }
    }

    fn unsupported(&mut self, expression: &IdedExpr, operator: &str) -> Option<Condition> {
        let what = match operator {
            operators::CONDITIONAL => "a choice with `?` is not supported".to_owned(),
            operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE => "arithmetic is not supported".to_owned(),
            operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT => "an index is not supported".to_owned(),
            function => format!("there is no function `{function}`"),
        };
        self.refuse(expression, &what, "comparisons joined by `&&`, `||` and `!`")
    }

    fn refuse<T>(&mut self, expression: &IdedExpr, what: &str, expected: &str) -> Option<T> {
        let at = self.places.expression(expression, &self.info);
        self.mistakes.push(at.mistake(what, expected));
        None
    }
}

/// How two values are compared.
#[derive(Clone, Copy)]
enum Operator {
    Equal,
    NotEqual,
    Ordered(Comparison),
}

impl Operator {
    /// The operator with its sides exchanged.
    const fn mirrored(self) -> Self {
        match self {
            Self::Ordered(Comparison::Less) => Self::Ordered(Comparison::Greater),
            Self::Ordered(Comparison::LessOrEqual) => Self::Ordered(Comparison::GreaterOrEqual),
            Self::Ordered(Comparison::Greater) => Self::Ordered(Comparison::Less),
            Self::Ordered(Comparison::GreaterOrEqual) => Self::Ordered(Comparison::LessOrEqual),
            Self::Equal | Self::NotEqual | Self::Ordered(Comparison::Equal) => self,
        }
    }

    fn on(self, quantity: Quantity, number: f32) -> Condition {
        match self {
            Self::Equal => Condition::Compare(quantity, Comparison::Equal, number),
            Self::NotEqual => not(Condition::Compare(quantity, Comparison::Equal, number)),
            Self::Ordered(comparison) => Condition::Compare(quantity, comparison, number),
        }
    }
}

fn comparison(operator: &str) -> Option<Operator> {
    Some(match operator {
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::NotEqual,
        operators::LESS => Operator::Ordered(Comparison::Less),
        operators::LESS_EQUALS => Operator::Ordered(Comparison::LessOrEqual),
        operators::GREATER => Operator::Ordered(Comparison::Greater),
        operators::GREATER_EQUALS => Operator::Ordered(Comparison::GreaterOrEqual),
        _ => return None,
    })
}

fn number(literal: &LiteralValue) -> Option<f32> {
    match literal {
        LiteralValue::Int(number) => Some(*number.inner() as f32),
        LiteralValue::UInt(number) => Some(*number.inner() as f32),
        LiteralValue::Double(number) => Some(*number.inner() as f32),
        LiteralValue::Boolean(_) | LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::String(_) => None,
    }
}

/// `a.b.c` as it is written.
fn path(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", path(&select.operand.expr)?, select.field)),
        Expr::Select(_)
        | Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_) => None,
    }
}

fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Not(inner) => *inner,
        Condition::Constant(value) => Condition::Constant(!value),
        other @ (Condition::OneOf(..)
        | Condition::Is(_)
        | Condition::Compare(..)
        | Condition::All(_)
        | Condition::Any(_)) => Condition::Not(Box::new(other)),
    }
}

/// The same condition with nested conjunctions and disjunctions joined and constants worked out.
fn simplified(condition: Condition) -> Condition {
    match condition {
        Condition::Not(inner) => not(simplified(*inner)),
        Condition::All(parts) => joined(parts, true),
        Condition::Any(parts) => joined(parts, false),
        leaf @ (Condition::Constant(_) | Condition::OneOf(..) | Condition::Is(_) | Condition::Compare(..)) => leaf,
    }
}

/// `neutral` is what an empty list means: true for a conjunction, false for a disjunction.
fn joined(parts: Vec<Condition>, neutral: bool) -> Condition {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match simplified(part) {
            Condition::Constant(value) if value == neutral => {}
            Condition::Constant(value) => return Condition::Constant(value),
            Condition::All(inner) if neutral => flat.extend(inner),
            Condition::Any(inner) if !neutral => flat.extend(inner),
            other @ (Condition::OneOf(..)
            | Condition::Is(_)
            | Condition::Compare(..)
            | Condition::Not(_)
            | Condition::All(_)
            | Condition::Any(_)) => flat.push(other),
        }
    }
    match (flat.len(), neutral) {
        (0, _) => Condition::Constant(neutral),
        (1, _) => flat.swap_remove(0),
        (_, true) => Condition::All(flat),
        (_, false) => Condition::Any(flat),
    }
}
