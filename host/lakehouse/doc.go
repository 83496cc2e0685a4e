// Package lakehouse has the tests of what Spark does by way of jars that it does
// not bring itself: tables of Delta Lake and Iceberg, databases over JDBC; and of
// a Spark server of another version. `make lakehouse` fetches all that from the
// registries and runs them; nothing else does, for it is some 600 MB.
//
// Delta Lake and Iceberg are built for one version of Spark each. Of those that
// Maven has, none runs on Spark 4.3.0: Delta Lake 4.4.0 for Spark 4.2 and 4.1.0
// for 4.1, and Iceberg 1.12.0 for 4.1, end there with missing methods and classes.
// So they run on Spark 4.1.4, which is reached as any Connect server is.
package lakehouse
