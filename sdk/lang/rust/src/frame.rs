use crate::column::{exprs, Column};
use crate::functions;
use crate::host::{self, Frame, Grouping, RowForm, SetOp};
use crate::json::Json;
use crate::{lit, FromArgument, Result};

/// The Spark session that all tasks share.
#[derive(Clone, Copy)]
pub struct Spark;

impl Spark {
    /// Reads files.
    pub fn read(self) -> Reader {
        Reader {
            schema: String::new(),
            options: Vec::new(),
        }
    }

    /// A table or view of the catalog.
    pub fn table(self, name: &str) -> DataFrame {
        DataFrame(host::frame_table(name, &[]))
    }

    /// A query. Each `?` in it is one of `args`.
    pub fn sql<C: Into<Column>>(self, query: &str, args: impl IntoIterator<Item = C>) -> DataFrame {
        DataFrame(host::frame_sql(query, &[], &exprs(args)))
    }

    /// The column id with the numbers from start to end, exclusive.
    pub fn range(self, start: i64, end: i64) -> DataFrame {
        DataFrame(host::frame_range(start, end, 1, 0))
    }

    /// Rows of the task's own. `schema` is DDL, such as `id bigint, name string`; a row is an array of its columns' values.
    pub fn create_data_frame(self, schema: &str, rows: Vec<Vec<Json>>) -> DataFrame {
        DataFrame(host::frame_local(schema, Json::from(rows).to_string().as_bytes()))
    }
}

/// How files are to be read.
pub struct Reader {
    schema: String,
    options: Vec<String>,
}

impl Reader {
    /// The columns in DDL form, instead of inferring them.
    pub fn schema(mut self, ddl: &str) -> Reader {
        self.schema = ddl.to_string();
        self
    }

    /// An option of the data source, such as `header`.
    pub fn option(mut self, name: &str, value: &str) -> Reader {
        self.options.extend([name.to_string(), value.to_string()]);
        self
    }

    /// Reads a path, folder or glob in a format of Spark's.
    pub fn load(self, format: &str, path: &str) -> DataFrame {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        DataFrame(host::frame_read(format, &self.schema, &options, &[path]))
    }

    pub fn text(self, path: &str) -> DataFrame {
        self.load("text", path)
    }

    pub fn parquet(self, path: &str) -> DataFrame {
        self.load("parquet", path)
    }

    pub fn csv(self, path: &str) -> DataFrame {
        self.load("csv", path)
    }

    pub fn json(self, path: &str) -> DataFrame {
        self.load("json", path)
    }
}

/// A DataFrame: a plan, not its rows. Building one cannot fail; what is wrong with it is the error of the action that runs it.
#[derive(Clone, Copy, Debug)]
pub struct DataFrame(pub Frame);

impl DataFrame {
    pub fn select<C: Into<Column>>(self, columns: impl IntoIterator<Item = C>) -> DataFrame {
        DataFrame(host::frame_select(self.0, &exprs(columns)))
    }

    /// The rows for which a condition is true.
    pub fn filter(self, condition: Column) -> DataFrame {
        DataFrame(host::frame_filter(self.0, condition.0))
    }

    pub fn with_column(self, name: &str, column: Column) -> DataFrame {
        DataFrame(host::frame_with_columns(self.0, &[name], &[column.0]))
    }

    pub fn with_column_renamed(self, from: &str, to: &str) -> DataFrame {
        DataFrame(host::frame_rename(self.0, &[from], &[to]))
    }

    pub fn drop(self, names: &[&str]) -> DataFrame {
        DataFrame(host::frame_drop(self.0, names))
    }

    pub fn group_by<C: Into<Column>>(self, keys: impl IntoIterator<Item = C>) -> GroupedData {
        GroupedData {
            frame: self,
            keys: keys.into_iter().map(Into::into).collect(),
        }
    }

    /// Aggregates of all rows.
    pub fn agg(self, aggregates: impl IntoIterator<Item = Column>) -> DataFrame {
        GroupedData {
            frame: self,
            keys: Vec::new(),
        }
        .agg(aggregates)
    }

    /// Orders by columns, or by `asc` and `desc` of them.
    pub fn order_by<C: Into<Column>>(self, columns: impl IntoIterator<Item = C>) -> DataFrame {
        DataFrame(host::frame_sort(self.0, &exprs(columns), true))
    }

    pub fn limit(self, n: i32) -> DataFrame {
        DataFrame(host::frame_limit(self.0, n))
    }

    pub fn distinct(self) -> DataFrame {
        DataFrame(host::frame_distinct(self.0, &[]))
    }

    /// Joins on equal columns of both sides. `how` is inner, left, right, full, left_semi or left_anti.
    pub fn join(self, other: DataFrame, on: &[&str], how: &str) -> DataFrame {
        DataFrame(host::frame_join(self.0, other.0, how, host::Expr(0), on))
    }

    /// Joins where a condition is true.
    pub fn join_on(self, other: DataFrame, condition: Column, how: &str) -> DataFrame {
        DataFrame(host::frame_join(self.0, other.0, how, condition.0, &[]))
    }

    /// The rows of both.
    pub fn union(self, other: DataFrame) -> DataFrame {
        DataFrame(host::frame_set_op(self.0, other.0, SetOp::Union, true, false, false))
    }

    /// The frame as a cached one: computed by the first action that needs it, and kept by the host for all tasks with the same
    /// plan. The name is for people.
    pub fn cache(self, name: &str) -> DataFrame {
        DataFrame(host::frame_cache(self.0, name))
    }

    /// Its rows, as arrays of their columns' values.
    pub fn collect(self) -> Result<Vec<Json>> {
        let text = host::action_collect(self.0, RowForm::RowArrays)?;
        match Json::parse(&String::from_utf8_lossy(&text))? {
            Json::Array(rows) => Ok(rows),
            other => Err(format!("rows are {}", other).into()),
        }
    }

    /// The first column of the first row, or None without a row.
    pub fn scalar<T: FromArgument>(self) -> Result<Option<T>> {
        let rows = self.limit(1).collect()?;
        let value = rows.first().and_then(Json::as_array).and_then(|row| row.first());
        match value {
            None => Ok(None),
            Some(v) => T::from_argument(v.clone())
                .map(Some)
                .ok_or_else(|| format!("{} is no {}", v, T::TYPE).into()),
        }
    }

    pub fn count(self) -> Result<i64> {
        Ok(host::action_count(self.0)?)
    }

    /// The first n rows as a table of text.
    pub fn show(self, n: i32) -> Result<String> {
        Ok(host::action_show(self.0, n, 20, false)?)
    }
}

/// A frame grouped by keys.
pub struct GroupedData {
    frame: DataFrame,
    keys: Vec<Column>,
}

impl GroupedData {
    pub fn agg(self, aggregates: impl IntoIterator<Item = Column>) -> DataFrame {
        DataFrame(host::frame_aggregate(
            self.frame.0,
            Grouping::GroupBy,
            &exprs(self.keys),
            &exprs(aggregates),
        ))
    }

    /// The number of rows of each group, as the column count.
    pub fn count(self) -> DataFrame {
        self.agg([functions::count(lit(1)).alias("count")])
    }
}
