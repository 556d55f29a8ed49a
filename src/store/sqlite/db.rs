//! A connection to the file: statements prepared once, values bound in order, rows read by the names of their columns.
//!
//! Everything runs on the thread that calls it. Must not: be used on a thread of the runtime, put a value into the text
//! of a statement, or guess a value of another type (it is `Damaged`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql};

use super::error::damaged;
use crate::store::StoreError;

/// More than there are statements, so that each is prepared once for a connection.
const STATEMENTS: usize = 256;

/// How to connect.
#[derive(Clone, Debug)]
pub(super) struct Connect {
    pub(super) path: PathBuf,
    pub(super) flags: OpenFlags,
    pub(super) busy_timeout: Duration,
    /// The first things that it is told, in this order.
    pub(super) pragmas: &'static str,
}

impl Connect {
    pub(super) fn connect(&self) -> Result<Db, StoreError> {
        let connection = Connection::open_with_flags(&self.path, self.flags)?;
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch(self.pragmas)?;
        Ok(Db {
            connection,
            columns: HashMap::new(),
            in_doubt: false,
        })
    }
}

/// A connection as anybody may have it, to a file that is made where there is none.
#[cfg(test)]
pub(super) fn raw(path: &std::path::Path) -> Db {
    let connect = Connect {
        path: path.to_owned(),
        flags: OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        busy_timeout: Duration::from_secs(5),
        pragmas: "",
    };
    connect.connect().unwrap()
}

/// The names of a statement's columns.
type Columns = Arc<[Box<str>]>;

/// A connection.
#[derive(Debug)]
pub(super) struct Db {
    connection: Connection,
    /// By where a statement's text stands in the program: that is quicker to find than the text.
    columns: HashMap<usize, Columns>,
    in_doubt: bool,
}

impl Db {
    /// Runs all statements of a text.
    pub(super) fn execute_batch(&mut self, statements: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(statements)?)
    }

    /// Runs `step` inside a transaction of its own that may write.
    pub(super) fn immediate<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        query("BEGIN IMMEDIATE").execute(self)?;
        let end = step(self).and_then(|value| {
            query("COMMIT").execute(self)?;
            Ok(value)
        });
        if end.is_err() {
            // What fails here has been rolled back already.
            let _rolled_back = query("ROLLBACK").execute(self);
        }
        end
    }

    /// The id of the row that was last inserted.
    pub(super) fn last_id(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    /// A step has panicked on it: nobody knows what state it is in, so it is dropped.
    pub(super) fn doubt(&mut self) {
        self.in_doubt = true;
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The steps of a statement, as SQLite plans it without its values.
    #[cfg(test)]
    pub(super) fn plan(&self, statement: &str) -> Vec<String> {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let mut explained = self.connection.prepare(&explain).unwrap();
        let rows = explained.raw_query().mapped(|row| row.get("detail"));
        rows.map(Result::unwrap).collect()
    }

    pub(super) fn close(self) -> Result<(), StoreError> {
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

/// A value to bind.
#[derive(Debug)]
pub(super) enum Bound<'q> {
    Null,
    Integer(i64),
    Text(Cow<'q, str>),
    Blob(Cow<'q, [u8]>),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

macro_rules! bound {
    ($($from:ty => |$value:ident| $bound:expr;)*) => {
        $(impl<'q> From<$from> for Bound<'q> {
            fn from($value: $from) -> Self {
                $bound
            }
        })*
    };
}

bound! {
    i64 => |number| Self::Integer(number);
    u32 => |number| Self::Integer(i64::from(number));
    bool => |is| Self::Integer(i64::from(is));
    &'q str => |text| Self::Text(Cow::Borrowed(text));
    &'q String => |text| Self::Text(Cow::Borrowed(text));
    String => |text| Self::Text(Cow::Owned(text));
    &'q [u8] => |bytes| Self::Blob(Cow::Borrowed(bytes));
    Vec<u8> => |bytes| Self::Blob(Cow::Owned(bytes));
}

impl<'q, T: Into<Bound<'q>>> From<Option<T>> for Bound<'q> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A statement and the values for it.
#[derive(Debug)]
pub(super) struct Query<'q> {
    statement: &'static str,
    values: Vec<Bound<'q>>,
}

pub(super) fn query<'q>(statement: &'static str) -> Query<'q> {
    Query {
        statement,
        values: Vec::new(),
    }
}

impl<'q> Query<'q> {
    /// Binds the next value.
    pub(super) fn bind(mut self, value: impl Into<Bound<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it to its end. How many rows it has changed.
    pub(super) fn execute(self, db: &mut Db) -> Result<u64, StoreError> {
        let mut statement = self.prepared(&db.connection)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(db.connection.changes())
    }

    /// The first row, which must be there.
    pub(super) fn fetch_one(self, db: &mut Db) -> Result<Row, StoreError> {
        self.fetch_optional(db)?
            .ok_or_else(|| StoreError::Other("a statement returned no row".to_owned()))
    }

    /// The first row.
    pub(super) fn fetch_optional(self, db: &mut Db) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(db, 1)?.pop())
    }

    pub(super) fn fetch_all(self, db: &mut Db) -> Result<Vec<Row>, StoreError> {
        self.fetch(db, usize::MAX)
    }

    fn fetch(self, db: &mut Db, most: usize) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.prepared(&db.connection)?;
        let place = self.statement.as_ptr().addr();
        let columns = db.columns.entry(place).or_insert_with(|| {
            let names = statement.column_names();
            names.into_iter().map(Box::from).collect()
        });
        let mut rows = statement.raw_query();
        let mut list = Vec::new();
        while list.len() < most
            && let Some(row) = rows.next()?
        {
            let value = |n| Value::try_from(row.get_ref(n)?).map_err(|_| damaged(&columns[n]));
            let values: Result<_, StoreError> = (0..columns.len()).map(value).collect();
            list.push(Row {
                columns: Arc::clone(columns),
                values: values?,
            });
        }
        Ok(list)
    }

    fn prepared<'c>(&self, connection: &'c Connection) -> Result<CachedStatement<'c>, StoreError> {
        let mut statement = connection.prepare_cached(self.statement)?;
        for (value, place) in self.values.iter().zip(1_usize..) {
            statement.raw_bind_parameter(place, value)?;
        }
        // What is not bound would be NULL.
        if statement.parameter_count() == self.values.len() {
            return Ok(statement);
        }
        Err(StoreError::Other(
            "a statement got fewer values than it has places".to_owned(),
        ))
    }
}

/// A row, apart from its statement.
#[derive(Debug)]
pub(super) struct Row {
    columns: Columns,
    values: Box<[Value]>,
}

impl Row {
    pub(super) fn try_get<'r, T: Read<'r>>(&'r self, column: &str) -> Result<T, StoreError> {
        let place = self.columns.iter().position(|name| **name == *column);
        let Some(value) = place.and_then(|place| self.values.get(place)) else {
            return Err(StoreError::Other(format!("there is no column {column}")));
        };
        T::read(value).ok_or_else(|| damaged(column))
    }

    /// The first column.
    #[cfg(test)]
    pub(super) fn first<'r, T: Read<'r>>(&'r self) -> T {
        T::read(&self.values[0]).unwrap()
    }
}

/// What a value can be read as.
pub(super) trait Read<'r>: Sized {
    /// None where it is something else.
    fn read(value: &'r Value) -> Option<Self>;
}

macro_rules! read {
    ($($into:ty: $($pattern:pat => $read:expr),+;)*) => {
        $(impl<'r> Read<'r> for $into {
            fn read(value: &'r Value) -> Option<Self> {
                match value {
                    $($pattern => Some($read),)+
                    _ => None,
                }
            }
        })*
    };
}

read! {
    i64: Value::Integer(number) => *number;
    bool: Value::Integer(number) => *number != 0;
    &'r str: Value::Text(text) => text.as_str();
    String: Value::Text(text) => text.clone();
    &'r [u8]: Value::Blob(bytes) => bytes.as_slice(), Value::Text(text) => text.as_bytes();
    Vec<u8>: Value::Blob(bytes) => bytes.clone(), Value::Text(text) => text.clone().into_bytes();
}

impl<'r, T: Read<'r>> Read<'r> for Option<T> {
    fn read(value: &'r Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}
