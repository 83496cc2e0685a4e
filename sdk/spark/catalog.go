package spark

import "github.com/sparkstalk/sparkstalk/abi"

// A Catalog has the catalogs, databases, tables, views and functions that the
// engine knows, as PySpark's spark.catalog. Names may be qualified, as in
// database.table. Each method asks the engine at once; one that changes
// something runs once.
//
// The session is shared by all tasks of the worker. So there is no
// SetCurrentDatabase and no SetCurrentCatalog, which would change what other
// tasks read while they run: qualify names instead. Nor is there ClearCache,
// which would drop what others keep.
type Catalog struct{ session *Session }

// Catalog returns what the engine knows by name.
func (s *Session) Catalog() *Catalog { return &Catalog{s} }

// A CatalogMetadata is a catalog.
type CatalogMetadata struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// A Database is a database, also called schema or namespace.
type Database struct {
	Name        string `json:"name"`
	Catalog     string `json:"catalog"`
	Description string `json:"description"`
	LocationURI string `json:"locationUri"` // where its tables are
}

// A Table is a table or a view.
type Table struct {
	Name        string   `json:"name"`
	Catalog     string   `json:"catalog"`
	Namespace   []string `json:"namespace"` // the database, as a rule; empty for temporary views
	Description string   `json:"description"`
	TableType   string   `json:"tableType"` // MANAGED, EXTERNAL, VIEW or TEMPORARY
	IsTemporary bool     `json:"isTemporary"`
}

// A Function is a function that SQL can call.
type Function struct {
	Name        string   `json:"name"`
	Catalog     string   `json:"catalog"`
	Namespace   []string `json:"namespace"`
	Description string   `json:"description"`
	ClassName   string   `json:"className"` // of the engine's implementation
	IsTemporary bool     `json:"isTemporary"`
}

// A TableColumn is a column of a table.
type TableColumn struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	DataType    string `json:"dataType"` // in DDL form
	Nullable    bool   `json:"nullable"`
	IsPartition bool   `json:"isPartition"`
	IsBucket    bool   `json:"isBucket"`
	IsCluster   bool   `json:"isCluster"`
}

// A CatalogOption changes a call of a [Catalog].
type CatalogOption func(*abi.CatalogCall)

// InDatabase limits a list to one database; the current one is the default.
func InDatabase(name string) CatalogOption { return func(c *abi.CatalogCall) { c.Database = name } }

// Like limits a list to names of a pattern, in which * stands for any
// characters.
func Like(pattern string) CatalogOption { return func(c *abi.CatalogCall) { c.Pattern = pattern } }

// IfExists makes a drop of what is not there no error.
func IfExists(c *abi.CatalogCall) { c.IfExists = true }

// IfNotExists makes creating what is there no error.
func IfNotExists(c *abi.CatalogCall) { c.IfNotExists = true }

// Cascade drops a database with all that is in it.
func Cascade(c *abi.CatalogCall) { c.Cascade = true }

// Purge drops a table without a way back.
func Purge(c *abi.CatalogCall) { c.Purge = true }

// NoScan has AnalyzeTable look at the size of files only.
func NoScan(c *abi.CatalogCall) { c.NoScan = true }

// AsSerde has GetCreateTableString write a Hive table.
func AsSerde(c *abi.CatalogCall) { c.AsSerde = true }

// Properties are those of a new database.
func Properties(properties map[string]string) CatalogOption {
	return func(c *abi.CatalogCall) { c.Properties = properties }
}

// catalogCall runs a method and reads its answer.
func catalogCall[T any](c *Catalog, call abi.CatalogCall, options ...CatalogOption) (T, error) {
	var answer T
	if err := c.session.check(); err != nil {
		return answer, err
	}
	for _, change := range options {
		change(&call)
	}
	err := askJSON(c.session.host.ActionCatalog, call, &answer)
	return answer, err
}

// none is the answer of methods that have none.
type none = *struct{}

func (c *Catalog) do(call abi.CatalogCall, options ...CatalogOption) error {
	_, err := catalogCall[none](c, call, options...)
	return err
}

// CurrentCatalog returns the catalog of names that have none.
func (c *Catalog) CurrentCatalog() (string, error) {
	return catalogCall[string](c, abi.CatalogCall{Call: "currentCatalog"})
}

// ListCatalogs returns the catalogs. It takes [Like].
func (c *Catalog) ListCatalogs(options ...CatalogOption) ([]CatalogMetadata, error) {
	return catalogCall[[]CatalogMetadata](c, abi.CatalogCall{Call: "listCatalogs"}, options...)
}

// CurrentDatabase returns the database of names that have none.
func (c *Catalog) CurrentDatabase() (string, error) {
	return catalogCall[string](c, abi.CatalogCall{Call: "currentDatabase"})
}

// ListDatabases returns the databases of the current catalog. It takes [Like].
func (c *Catalog) ListDatabases(options ...CatalogOption) ([]Database, error) {
	return catalogCall[[]Database](c, abi.CatalogCall{Call: "listDatabases"}, options...)
}

// GetDatabase returns one database.
func (c *Catalog) GetDatabase(name string) (Database, error) {
	return catalogCall[Database](c, abi.CatalogCall{Call: "getDatabase", Name: name})
}

// DatabaseExists reports whether there is a database.
func (c *Catalog) DatabaseExists(name string) (bool, error) {
	return catalogCall[bool](c, abi.CatalogCall{Call: "databaseExists", Name: name})
}

// CreateDatabase makes a database. It takes [IfNotExists] and [Properties].
func (c *Catalog) CreateDatabase(name string, options ...CatalogOption) error {
	return c.do(abi.CatalogCall{Call: "createDatabase", Name: name}, options...)
}

// DropDatabase drops a database. It takes [IfExists] and [Cascade].
func (c *Catalog) DropDatabase(name string, options ...CatalogOption) error {
	return c.do(abi.CatalogCall{Call: "dropDatabase", Name: name}, options...)
}

// ListTables returns the tables and views of a database and the temporary views
// of the session. It takes [InDatabase] and [Like].
func (c *Catalog) ListTables(options ...CatalogOption) ([]Table, error) {
	return catalogCall[[]Table](c, abi.CatalogCall{Call: "listTables"}, options...)
}

// ListViews returns the views of a database. It takes [InDatabase] and [Like].
func (c *Catalog) ListViews(options ...CatalogOption) ([]Table, error) {
	return catalogCall[[]Table](c, abi.CatalogCall{Call: "listViews"}, options...)
}

// GetTable returns one table or view.
func (c *Catalog) GetTable(name string) (Table, error) {
	return catalogCall[Table](c, abi.CatalogCall{Call: "getTable", Name: name})
}

// TableExists reports whether there is a table or view.
func (c *Catalog) TableExists(name string) (bool, error) {
	return catalogCall[bool](c, abi.CatalogCall{Call: "tableExists", Name: name})
}

// A TableSpec describes a table for [Catalog.CreateTable].
type TableSpec struct {
	// Path is where the data is; without it the table is empty and its data
	// belongs to it.
	Path string
	// Source is the data source, such as "parquet". Empty is the engine's default.
	Source string
	// Schema is in DDL form; without it the data says the columns.
	Schema      string
	Description string
	Options     map[string]string // of the source
}

// CreateTable makes a table and returns it.
func (c *Catalog) CreateTable(name string, t TableSpec) (*DataFrame, error) {
	err := c.do(abi.CatalogCall{
		Call: "createTable", Name: name, Path: t.Path, Source: t.Source, Schema: t.Schema, Description: t.Description, Options: t.Options,
	})
	if err != nil {
		return nil, err
	}
	return c.session.Table(name), nil
}

// DropTable drops a table. It takes [IfExists] and [Purge].
func (c *Catalog) DropTable(name string, options ...CatalogOption) error {
	return c.do(abi.CatalogCall{Call: "dropTable", Name: name}, options...)
}

// DropView drops a view that is not temporary. It takes [IfExists].
func (c *Catalog) DropView(name string, options ...CatalogOption) error {
	return c.do(abi.CatalogCall{Call: "dropView", Name: name}, options...)
}

// DropTempView drops a temporary view and reports whether there was one.
func (c *Catalog) DropTempView(name string) (bool, error) {
	return catalogCall[bool](c, abi.CatalogCall{Call: "dropTempView", Name: name})
}

// DropGlobalTempView drops a global temporary view, which is named without
// global_temp, and reports whether there was one.
func (c *Catalog) DropGlobalTempView(name string) (bool, error) {
	return catalogCall[bool](c, abi.CatalogCall{Call: "dropGlobalTempView", Name: name})
}

// ListFunctions returns the functions, Spark's own among them. It takes
// [InDatabase] and [Like].
func (c *Catalog) ListFunctions(options ...CatalogOption) ([]Function, error) {
	return catalogCall[[]Function](c, abi.CatalogCall{Call: "listFunctions"}, options...)
}

// GetFunction returns one function.
func (c *Catalog) GetFunction(name string) (Function, error) {
	return catalogCall[Function](c, abi.CatalogCall{Call: "getFunction", Name: name})
}

// FunctionExists reports whether there is a function.
func (c *Catalog) FunctionExists(name string) (bool, error) {
	return catalogCall[bool](c, abi.CatalogCall{Call: "functionExists", Name: name})
}

// ListColumns returns the columns of a table or view.
func (c *Catalog) ListColumns(table string) ([]TableColumn, error) {
	return catalogCall[[]TableColumn](c, abi.CatalogCall{Call: "listColumns", Name: table})
}

// ListPartitions returns the partitions of a table, as in year=2026/month=1.
func (c *Catalog) ListPartitions(table string) ([]string, error) {
	rows, err := catalogCall[[]struct {
		Partition string `json:"partition"`
	}](c, abi.CatalogCall{Call: "listPartitions", Name: table})
	var out []string
	for _, row := range rows {
		out = append(out, row.Partition)
	}
	return out, err
}

// RecoverPartitions has a table find the partitions that are in its folder.
func (c *Catalog) RecoverPartitions(table string) error {
	return c.do(abi.CatalogCall{Call: "recoverPartitions", Name: table})
}

// GetTableProperties returns the properties of a table.
func (c *Catalog) GetTableProperties(table string) (map[string]string, error) {
	return catalogCall[map[string]string](c, abi.CatalogCall{Call: "getTableProperties", Name: table})
}

// GetCreateTableString returns the command that makes a table like this one. It
// takes [AsSerde].
func (c *Catalog) GetCreateTableString(table string, options ...CatalogOption) (string, error) {
	return catalogCall[string](c, abi.CatalogCall{Call: "getCreateTableString", Name: table}, options...)
}

// TruncateTable drops all rows of a table.
func (c *Catalog) TruncateTable(table string) error {
	return c.do(abi.CatalogCall{Call: "truncateTable", Name: table})
}

// AnalyzeTable has the engine count what is in a table, for its planning. It
// takes [NoScan].
func (c *Catalog) AnalyzeTable(table string, options ...CatalogOption) error {
	return c.do(abi.CatalogCall{Call: "analyzeTable", Name: table}, options...)
}

// IsCached reports whether a table is cached in the engine.
func (c *Catalog) IsCached(table string) (bool, error) {
	return catalogCall[bool](c, abi.CatalogCall{Call: "isCached", Name: table})
}

// CacheTable has the engine keep a table in memory for all its users, until
// UncacheTable. level is a name of PySpark's StorageLevel; empty is the default.
// A cached DataFrame is the better way: it is dropped when nobody needs it.
func (c *Catalog) CacheTable(table, level string) error {
	return c.do(abi.CatalogCall{Call: "cacheTable", Name: table, StorageLevel: level})
}

// UncacheTable ends what CacheTable began, for all users of the engine.
func (c *Catalog) UncacheTable(table string) error {
	return c.do(abi.CatalogCall{Call: "uncacheTable", Name: table})
}

// RefreshTable has the engine look at a table's files again.
func (c *Catalog) RefreshTable(table string) error {
	return c.do(abi.CatalogCall{Call: "refreshTable", Name: table})
}

// RefreshByPath has the engine look at files below path again.
func (c *Catalog) RefreshByPath(path string) error {
	return c.do(abi.CatalogCall{Call: "refreshByPath", Name: path})
}
