package spark

import "github.com/sparkstalk/sparkstalk/host/spark/sparkpb"

// A catalogMethod says what a method of the catalog takes, sends and answers.
type catalogMethod struct {
	takes   string // names of arguments, in words
	answers answers
	columns []string // of the objects that it answers with
	changes bool     // something, so that it must not run twice
	build   func(c CatalogCall) *sparkpb.Catalog
}

// answers is the shape of what a method answers.
type answers int

const (
	answersNothing answers = iota
	answersValue           // of the first column of the only row
	answersOne             // an object: the only row
	answersList            // an object for each row
	answersPairs           // an object: a name and a value in each row
)

// The names of PySpark's catalog tuples, in the order of the columns.
var (
	catalogColumns   = []string{"name", "description"}
	databaseColumns  = []string{"name", "catalog", "description", "locationUri"}
	tableColumns     = []string{"name", "catalog", "namespace", "description", "tableType", "isTemporary"}
	functionColumns  = []string{"name", "catalog", "namespace", "description", "className", "isTemporary"}
	columnColumns    = []string{"name", "description", "dataType", "nullable", "isPartition", "isBucket", "isCluster"}
	partitionColumns = []string{"partition"}
)

// optionalText is the text, or nil if it is empty.
func optionalText(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// catalogMethods are those of pyspark.sql.connect.catalog.Catalog, but for
// registerFunction, which takes Python code.
var catalogMethods = map[string]catalogMethod{
	"currentCatalog": {answers: answersValue, build: func(CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_CurrentCatalog{CurrentCatalog: &sparkpb.CurrentCatalog{}}}
	}},
	"setCurrentCatalog": {takes: "name", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_SetCurrentCatalog{SetCurrentCatalog: &sparkpb.SetCurrentCatalog{CatalogName: c.Name}}}
	}},
	"listCatalogs": {takes: "pattern", answers: answersList, columns: catalogColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListCatalogs{ListCatalogs: &sparkpb.ListCatalogs{Pattern: optionalText(c.Pattern)}}}
	}},
	"currentDatabase": {answers: answersValue, build: func(CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_CurrentDatabase{CurrentDatabase: &sparkpb.CurrentDatabase{}}}
	}},
	"setCurrentDatabase": {takes: "name", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_SetCurrentDatabase{SetCurrentDatabase: &sparkpb.SetCurrentDatabase{DbName: c.Name}}}
	}},
	"listDatabases": {takes: "pattern", answers: answersList, columns: databaseColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListDatabases{ListDatabases: &sparkpb.ListDatabases{Pattern: optionalText(c.Pattern)}}}
	}},
	"getDatabase": {takes: "name", answers: answersOne, columns: databaseColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_GetDatabase{GetDatabase: &sparkpb.GetDatabase{DbName: c.Name}}}
	}},
	"databaseExists": {takes: "name", answers: answersValue, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_DatabaseExists{DatabaseExists: &sparkpb.DatabaseExists{DbName: c.Name}}}
	}},
	"createDatabase": {takes: "name if_not_exists properties", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_CreateDatabase{CreateDatabase: &sparkpb.CreateDatabase{DbName: c.Name, IfNotExists: c.IfNotExists, Properties: c.Properties}}}
	}},
	"dropDatabase": {takes: "name if_exists cascade", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_DropDatabase{DropDatabase: &sparkpb.DropDatabase{DbName: c.Name, IfExists: c.IfExists, Cascade: c.Cascade}}}
	}},
	"listTables": {takes: "database pattern", answers: answersList, columns: tableColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListTables{ListTables: &sparkpb.ListTables{DbName: optionalText(c.Database), Pattern: optionalText(c.Pattern)}}}
	}},
	"listViews": {takes: "database pattern", answers: answersList, columns: tableColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListViews{ListViews: &sparkpb.ListViews{DbName: optionalText(c.Database), Pattern: optionalText(c.Pattern)}}}
	}},
	"getTable": {takes: "name database", answers: answersOne, columns: tableColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_GetTable{GetTable: &sparkpb.GetTable{TableName: c.Name, DbName: optionalText(c.Database)}}}
	}},
	"tableExists": {takes: "name database", answers: answersValue, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_TableExists{TableExists: &sparkpb.TableExists{TableName: c.Name, DbName: optionalText(c.Database)}}}
	}},
	"createTable": {takes: "name path source schema description options", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_CreateTable{CreateTable: &sparkpb.CreateTable{
			TableName: c.Name, Path: optionalText(c.Path), Source: optionalText(c.Source), Description: optionalText(c.Description), Options: c.Options,
		}}}
	}},
	"dropTable": {takes: "name if_exists purge", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_DropTable{DropTable: &sparkpb.DropTable{TableName: c.Name, IfExists: c.IfExists, Purge: c.Purge}}}
	}},
	"dropView": {takes: "name if_exists", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_DropView{DropView: &sparkpb.DropView{ViewName: c.Name, IfExists: c.IfExists}}}
	}},
	"dropTempView": {takes: "name", answers: answersValue, changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_DropTempView{DropTempView: &sparkpb.DropTempView{ViewName: c.Name}}}
	}},
	"dropGlobalTempView": {takes: "name", answers: answersValue, changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_DropGlobalTempView{DropGlobalTempView: &sparkpb.DropGlobalTempView{ViewName: c.Name}}}
	}},
	"listFunctions": {takes: "database pattern", answers: answersList, columns: functionColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListFunctions{ListFunctions: &sparkpb.ListFunctions{DbName: optionalText(c.Database), Pattern: optionalText(c.Pattern)}}}
	}},
	"getFunction": {takes: "name database", answers: answersOne, columns: functionColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_GetFunction{GetFunction: &sparkpb.GetFunction{FunctionName: c.Name, DbName: optionalText(c.Database)}}}
	}},
	"functionExists": {takes: "name database", answers: answersValue, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_FunctionExists{FunctionExists: &sparkpb.FunctionExists{FunctionName: c.Name, DbName: optionalText(c.Database)}}}
	}},
	"listColumns": {takes: "name database", answers: answersList, columns: columnColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListColumns{ListColumns: &sparkpb.ListColumns{TableName: c.Name, DbName: optionalText(c.Database)}}}
	}},
	"listPartitions": {takes: "name", answers: answersList, columns: partitionColumns, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListPartitions{ListPartitions: &sparkpb.ListPartitions{TableName: c.Name}}}
	}},
	"recoverPartitions": {takes: "name", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_RecoverPartitions{RecoverPartitions: &sparkpb.RecoverPartitions{TableName: c.Name}}}
	}},
	"getTableProperties": {takes: "name", answers: answersPairs, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_GetTableProperties{GetTableProperties: &sparkpb.GetTableProperties{TableName: c.Name}}}
	}},
	"getCreateTableString": {takes: "name as_serde", answers: answersValue, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_GetCreateTableString{GetCreateTableString: &sparkpb.GetCreateTableString{TableName: c.Name, AsSerde: c.AsSerde}}}
	}},
	"truncateTable": {takes: "name", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_TruncateTable{TruncateTable: &sparkpb.TruncateTable{TableName: c.Name}}}
	}},
	"analyzeTable": {takes: "name no_scan", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_AnalyzeTable{AnalyzeTable: &sparkpb.AnalyzeTable{TableName: c.Name, NoScan: c.NoScan}}}
	}},
	"isCached": {takes: "name", answers: answersValue, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_IsCached{IsCached: &sparkpb.IsCached{TableName: c.Name}}}
	}},
	"cacheTable": {takes: "name storage_level", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_CacheTable{CacheTable: &sparkpb.CacheTable{TableName: c.Name}}}
	}},
	"uncacheTable": {takes: "name", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_UncacheTable{UncacheTable: &sparkpb.UncacheTable{TableName: c.Name}}}
	}},
	"clearCache": {changes: true, build: func(CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_ClearCache{ClearCache: &sparkpb.ClearCache{}}}
	}},
	"refreshTable": {takes: "name", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_RefreshTable{RefreshTable: &sparkpb.RefreshTable{TableName: c.Name}}}
	}},
	"refreshByPath": {takes: "name", changes: true, build: func(c CatalogCall) *sparkpb.Catalog {
		return &sparkpb.Catalog{CatType: &sparkpb.Catalog_RefreshByPath{RefreshByPath: &sparkpb.RefreshByPath{Path: c.Name}}}
	}},
}
