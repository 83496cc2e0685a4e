package abi

// A CatalogCall is a method of PySpark's spark.catalog, for
// [Host.ActionCatalog]. Each method takes only some of the fields; a field that
// it does not take is an error.
type CatalogCall struct {
	// Call is the method's name in PySpark, such as listTables.
	Call string `json:"call"`
	// Name is that of the catalog, database, table, view, function or path that
	// the method is about.
	Name string `json:"name,omitempty"`
	// Database limits listTables, listViews and listFunctions to one database.
	Database string `json:"database,omitempty"`
	// Pattern limits what list methods return; * stands for any characters.
	Pattern string `json:"pattern,omitempty"`
	// Path, Source, Schema (DDL), Description and Options are those of
	// createTable.
	Path        string            `json:"path,omitempty"`
	Source      string            `json:"source,omitempty"`
	Schema      string            `json:"schema,omitempty"`
	Description string            `json:"description,omitempty"`
	Options     map[string]string `json:"options,omitempty"`
	// StorageLevel is that of cacheTable, by PySpark's name.
	StorageLevel string `json:"storage_level,omitempty"`
	// Properties are those of createDatabase.
	Properties map[string]string `json:"properties,omitempty"`
	// IfExists is for dropTable, dropView and dropDatabase, IfNotExists for
	// createDatabase, Purge for dropTable, Cascade for dropDatabase, NoScan for
	// analyzeTable and AsSerde for getCreateTableString.
	IfExists    bool `json:"if_exists,omitempty"`
	IfNotExists bool `json:"if_not_exists,omitempty"`
	Purge       bool `json:"purge,omitempty"`
	Cascade     bool `json:"cascade,omitempty"`
	NoScan      bool `json:"no_scan,omitempty"`
	AsSerde     bool `json:"as_serde,omitempty"`
}

// A ConfCall is a method of PySpark's spark.conf, for [Host.ActionConf].
type ConfCall struct {
	// Call is get, getAll, isModifiable, set or unset.
	Call string `json:"call"`
	// Key is the setting's name; all but getAll need it.
	Key string `json:"key,omitempty"`
	// Value is what set sets.
	Value string `json:"value,omitempty"`
	// Default is what get returns for a setting that is not there, if not null.
	Default *string `json:"default,omitempty"`
}
