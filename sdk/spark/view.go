package spark

// CreateTempView makes the DataFrame a temporary view, which [Session.SQL] and
// [Session.Table] read by its name. It is an error if there is one of that name.
//
// The view is the task call's own: calls that run at the same time may use one
// name for different rows, and it ends with the call. Queries read it; commands,
// and SQL text inside of column expressions, do not.
func (df *DataFrame) CreateTempView(name string) error { return df.view(name, false, false) }

// CreateOrReplaceTempView is [DataFrame.CreateTempView] that takes the place of
// a view of that name.
func (df *DataFrame) CreateOrReplaceTempView(name string) error { return df.view(name, true, false) }

// CreateGlobalTempView makes the DataFrame a view of the engine, which SQL and
// Table read as global_temp.NAME, in this and in other tasks, until
// [Catalog.DropGlobalTempView] or the worker's end: when Spark's session is lost,
// the worker makes the view again. One that it cannot make is an error of the
// next query that reads it. A worker keeps 256 of them. The rows of a cached
// DataFrame in it are those of now: when the cache has them built again while
// the session lives, the view has to be made again, too.
func (df *DataFrame) CreateGlobalTempView(name string) error { return df.view(name, false, true) }

// CreateOrReplaceGlobalTempView is [DataFrame.CreateGlobalTempView] that takes
// the place of a view of that name.
func (df *DataFrame) CreateOrReplaceGlobalTempView(name string) error {
	return df.view(name, true, true)
}

func (df *DataFrame) view(name string, replace, global bool) error {
	if err := df.check(); err != nil {
		return err
	}
	return df.session.host.ActionView(df.handle, name, replace, global)
}
