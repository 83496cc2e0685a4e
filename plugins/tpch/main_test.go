package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

// plan calls a task and returns what it asks Spark for.
func plan(t *testing.T, task string, args ...any) string {
	t.Helper()
	h := sdktest.New(t)
	h.On("")
	if got, err := h.Call(task, args...); err != nil || string(got) != "[]" {
		t.Fatalf("got %s, %v", got, err)
	}
	return h.Plan()
}

func TestQ6HasTheValidationValuesAsDefaults(t *testing.T) {
	want := `aggregate sum((l_extendedprice * l_discount)) AS revenue
  filter (((l_discount >= (DECIMAL(2,2) "0.06" - DECIMAL(2,2) "0.01")) and (l_discount <= (DECIMAL(2,2) "0.06" + DECIMAL(2,2) "0.01"))) and (l_quantity < 24))
    filter ((l_shipdate >= DATE "1994-01-01T00:00:00Z") and (l_shipdate < DATE "1995-01-01T00:00:00Z"))
      read parquet "/data/lineitem.parquet"`
	if got := plan(t, "tpch.q6", "/data"); got != want {
		t.Errorf("got the plan\n%s\nwant\n%s", got, want)
	}
}

func TestQ22ComparesCustomersOfTheCodesWithTheirMean(t *testing.T) {
	want := `sort cntrycode ASC
  aggregate count(1) AS numcust, sum(c_acctbal) AS totacctbal by cntrycode
    join anti on (c_custkey == o_custkey)
      filter (c_acctbal > mean)
        join cross
          filter in(cntrycode, '13', '31')
            with cntrycode = substring(c_phone, 1, 2)
              read parquet "/data/customer.parquet"
          aggregate avg(c_acctbal) AS mean
            filter (c_acctbal > DECIMAL(2,2) "0.00")
              filter in(cntrycode, '13', '31')
                with cntrycode = substring(c_phone, 1, 2)
                  read parquet "/data/customer.parquet"
      read parquet "/data/orders.parquet"`
	if got := plan(t, "tpch.q22", "/data", sdktest.Kwargs{"codes": []string{"13", "31"}}); got != want {
		t.Errorf("got the plan\n%s\nwant\n%s", got, want)
	}
}

func TestParametersReachThePlan(t *testing.T) {
	for _, c := range []struct {
		task string
		args sdktest.Kwargs
		want []string
	}{
		{"tpch.q1", sdktest.Kwargs{"delta": 60}, []string{`DATE "1998-10-02`}},
		{"tpch.q3", sdktest.Kwargs{"segment": "MACHINERY", "date": "1995-03-31"}, []string{"'MACHINERY'", `o_orderdate < DATE "1995-03-31`}},
		{"tpch.q4", sdktest.Kwargs{"date": map[string]string{"__type__": "date", "__value__": "1996-11-01"}}, []string{`DATE "1996-11-01`, `DATE "1997-02-01`}},
		{"tpch.q11", sdktest.Kwargs{"fraction": 0.000001}, []string{`DECIMAL(6,6) "0.000001"`}},
		{"tpch.q13", sdktest.Kwargs{"word1": "pending", "word2": "packages"}, []string{"'%pending%packages%'"}},
		{"tpch.q16", sdktest.Kwargs{"sizes": []int{1, 2}}, []string{"in(p_size, 1, 2)"}},
		{"tpch.q19", sdktest.Kwargs{"quantity2": 11, "brand3": "Brand#55"}, []string{"(l_quantity <= 21)", "'Brand#55'"}},
	} {
		args := sdktest.Kwargs{"data": "/data"}
		for name, value := range c.args {
			args[name] = value
		}
		got := plan(t, c.task, args)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in the plan\n%s", c.task, want, got)
			}
		}
	}
}

func TestWrongDatesAreRefused(t *testing.T) {
	for _, wrong := range []any{"1995-02-30", "March", 1995} {
		_, err := sdktest.Call(t, "tpch.q3", "/data", sdktest.Kwargs{"date": wrong})
		if err == nil || !strings.Contains(err.Error(), "argument 'date'") {
			t.Errorf("%v: got %v", wrong, err)
		}
	}
}

func TestExactlyHasTheTypeThatSQLGives(t *testing.T) {
	for number, want := range map[string]string{
		"7.0": `DECIMAL(2,1) "7.0"`, "0.2": `DECIMAL(1,1) "0.2"`, "100.00": `DECIMAL(5,2) "100.00"`,
		"1e-07": `DECIMAL(7,7) "0.0000001"`, "-0.5": `DECIMAL(1,1) "-0.5"`, "24": `DECIMAL(2,0) "24"`, "0": `DECIMAL(1,0) "0"`,
	} {
		if got := exactly(json.Number(number)).String(); got != want {
			t.Errorf("%s: got %s, want %s", number, got, want)
		}
	}
}
