package spark

import (
	"strings"
	"testing"
)

func TestEachPathIsAskedForOnce(t *testing.T) {
	read := func(paths ...string) *DataFrame { return Read("parquet", "", nil, paths) }
	with := func(paths ...string) *DataFrame {
		return Read("parquet", "", map[string]string{"recursiveFileLookup": "true"}, paths)
	}
	df := read("/a", "/b").SetOp(read("/b", "/c"), Union, true, false, false).
		SetOp(with("/b"), Union, true, false, false).SetOp(Read("json", "", nil, []string{"/a"}), Union, true, false, false)
	var got []string
	for _, source := range eachPath(df.sources()) {
		got = append(got, source.GetFormat()+" "+strings.Join(source.GetPaths(), ","))
	}
	if want := "parquet /a; parquet /b; parquet /c; parquet /b; json /a"; strings.Join(got, "; ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "; "), want)
	}
}
