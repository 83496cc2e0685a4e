// Command guest is a module with the functions of package udftest.
package main

import (
	"github.com/sparkstalk/sparkstalk/sdk"

	_ "github.com/sparkstalk/sparkstalk/host/udf/udftest" // registers them
)

func init() {
	sdk.Task("udftest.nothing", func(*sdk.Context, struct{}) (any, error) { return nil, nil })
}

func main() {}
