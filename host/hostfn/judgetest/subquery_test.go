package judgetest_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func customers(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT * FROM VALUES (1, 'ann'), (2, 'bob'), (3, 'cid') AS t(id, name)")
}

func orders(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT * FROM VALUES (1, 10), (1, 20), (3, 5) AS t(customer, total)")
}

func TestSubqueriesAreThoseOfPySpark(t *testing.T) {
	judgetest.Run(t, judgetest.Suite{Script: "testdata/subquery.py", Cases: []judgetest.Case{
		{Name: "scalar", Frame: func(s *spark.Session) *spark.DataFrame {
			return orders(s).Where(F.Col("total").Gt(orders(s).Select(F.Avg("total")).Scalar())).OrderBy("total")
		}},
		{Name: "scalar of each row", Frame: func(s *spark.Session) *spark.DataFrame {
			c, o := customers(s).Alias("c"), orders(s).Alias("o")
			most := o.Where(F.Col("o.customer").Eq(F.Col("c.id").Outer())).Select(F.Max("total"))
			return c.Select("id", most.Scalar().As("most")).OrderBy("id")
		}},
		{Name: "scalar in a new column", Frame: func(s *spark.Session) *spark.DataFrame {
			return customers(s).WithColumn("n", orders(s).Agg(F.Count("*")).Scalar().Plus(F.Col("id"))).OrderBy("id")
		}},
		{Name: "exists", Frame: func(s *spark.Session) *spark.DataFrame {
			c, o := customers(s).Alias("c"), orders(s).Alias("o")
			return c.Where(o.Where(F.Col("o.customer").Eq(F.Col("c.id").Outer())).Exists()).OrderBy("id")
		}},
		{Name: "not exists", Frame: func(s *spark.Session) *spark.DataFrame {
			c, o := customers(s).Alias("c"), orders(s).Alias("o")
			return c.Where(o.Where(F.Col("o.customer").Eq(F.Col("c.id").Outer())).Exists().Not()).OrderBy("id")
		}},
		{Name: "is in", Frame: func(s *spark.Session) *spark.DataFrame {
			return customers(s).Where(F.Col("id").IsIn(orders(s).Select("customer"))).OrderBy("id")
		}},
		{Name: "several are in", Frame: func(s *spark.Session) *spark.DataFrame {
			pair := spark.Call("struct", F.Col("id"), F.Col("id").Times(10))
			return customers(s).Where(pair.IsIn(orders(s).Select("customer", "total"))).OrderBy("id")
		}},
		{Name: "in an aggregate", Frame: func(s *spark.Session) *spark.DataFrame {
			return orders(s).GroupBy("customer").Agg(F.Sum(F.Col("total").Plus(customers(s).Agg(F.Max("id")).Scalar())).As("s")).OrderBy("customer")
		}},
		{Name: "within a subquery", Frame: func(s *spark.Session) *spark.DataFrame {
			largest := orders(s).Where(F.Col("total").Eq(orders(s).Agg(F.Max("total")).Scalar())).Select("customer")
			return customers(s).Where(F.Col("id").IsIn(largest)).Select("name")
		}},
		{Name: "used above", Frame: func(s *spark.Session) *spark.DataFrame {
			c := customers(s).Where(F.Col("id").IsIn(orders(s).Select("customer")))
			o := orders(s)
			return c.Join(o, c.Col("id").Eq(o.Col("customer")), "inner").Select(c.Col("name"), o.Col("total")).OrderBy("total")
		}},
		{Name: "more than one row", Fails: "SCALAR_SUBQUERY_TOO_MANY_ROWS", SailLacks: "Scalar subquery returned more than one row", Frame: func(s *spark.Session) *spark.DataFrame {
			return customers(s).Select(orders(s).Select("total").Scalar())
		}},
		{Name: "sql reads frames", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT c.name, o.total FROM {c} c JOIN {o} o ON c.id = o.customer WHERE o.total > :least AND o.total <= (SELECT max(total) FROM {o}) ORDER BY o.total",
				map[string]any{"c": customers(s), "o": orders(s), "least": 5})
		}},
		{Name: "sql result used further", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT customer FROM {o} GROUP BY customer", map[string]any{"o": orders(s)}).Where("customer > 1")
		}},
	}})
}
