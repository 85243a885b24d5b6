//! A condition after its names and kinds have been checked.

/// What an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
    Truth,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Truth => "true or false",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Column { name: String, kind: Kind },
    Number(f64),
    Text(String),
    Truth(bool),
    Arithmetic(Box<Expression>, Arithmetic, Box<Expression>),
    Compare(Box<Expression>, Comparison, Box<Expression>),
    Like { text: Box<Expression>, pattern: String, ignores_case: bool },
    IsNull(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expression {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Column { kind, .. } => *kind,
            Self::Number(_) | Self::Arithmetic(..) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Truth(_)
            | Self::Compare(..)
            | Self::Like { .. }
            | Self::IsNull(_)
            | Self::And(..)
            | Self::Or(..)
            | Self::Not(_) => Kind::Truth,
        }
    }

    /// Whether it is the same for every row.
    pub(super) fn is_constant(&self) -> bool {
        match self {
            Self::Column { .. } => false,
            Self::Number(_) | Self::Text(_) | Self::Truth(_) => true,
            Self::Arithmetic(a, _, b) | Self::Compare(a, _, b) | Self::And(a, b) | Self::Or(a, b) => {
                a.is_constant() && b.is_constant()
            }
            Self::Like { text, .. } => text.is_constant(),
            Self::IsNull(inner) | Self::Not(inner) => inner.is_constant(),
        }
    }
}
