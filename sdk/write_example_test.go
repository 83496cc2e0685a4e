package sdk_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

type archiveArgs struct {
	Table string `arg:"table"`
	Path  string `arg:"path"`
}

// archive writes a table's old rows to files, and drops them.
func archive(ctx *sdk.Context, a archiveArgs) (bool, error) {
	there, err := ctx.Spark().Catalog().TableExists(a.Table)
	if err != nil || !there {
		return false, err
	}
	if err := ctx.Spark().Table(a.Table).CreateTempView("sales"); err != nil {
		return false, err
	}
	old := ctx.Spark().SQL("SELECT * FROM sales WHERE year < ?", 2020)
	if err := old.Write().Mode("append").PartitionBy("year").Parquet(a.Path); err != nil {
		return false, err
	}
	_, err = ctx.Spark().Exec("DELETE FROM " + a.Table + " WHERE year < 2020")
	return true, err
}

func init() { sdk.Task("sales.archive", archive) }

func Example_write() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On("catalog tableExists").Value(true)
	result, err := h.Call("sales.archive", "shop.sales", "/archive")
	fmt.Println(string(result), err)
	for _, w := range h.Writes() {
		fmt.Println(w.Plan)
	}
	// Output:
	// true <nil>
	// write parquet "/archive" mode append partition by year
	//   sql "SELECT * FROM sales WHERE year < ?" (?=2020)
	//     view sales
	//       table shop.sales
	// sql "DELETE FROM shop.sales WHERE year < 2020"
}
