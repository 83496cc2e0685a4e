// Package tpchtest holds no code but tests: the answers of plugins/tpch against
// Spark's own, on both local engines and on a cluster whose executors are killed.
package tpchtest
