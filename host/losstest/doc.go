// Package losstest holds the tests of what becomes of tasks whose Spark session
// is lost while they run. It has nothing for programs.
package losstest
