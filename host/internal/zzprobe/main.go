package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

func self() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}
func proc(pid string) float64 {
	t, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(t), ") ")
	w := strings.Fields(rest)
	a, _ := strconv.ParseFloat(w[11], 64)
	b, _ := strconv.ParseFloat(w[12], 64)
	return (a + b) / 100
}

func main() {
	remote, pid, py := os.Args[1], os.Args[2], os.Args[3]
	rows, _ := strconv.Atoi(os.Args[4])
	rounds, _ := strconv.Atoi(os.Args[5])
	ctx := context.Background()
	s, err := spark.Open(spark.Config{Remote: remote})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	q := fmt.Sprintf("SELECT id, CAST(id %% 1000 AS INT) AS k, id * 0.5D AS x, concat('name ', CAST(id %% 100 AS STRING)) AS s, id %% 2 = 0 AS even FROM range(%d)", rows)
	for range rounds {
		a, c, t := proc(pid), self(), time.Now()
		st, err := s.Collect(ctx, spark.SQL(q, nil, nil), spark.Options{})
		if err != nil {
			panic(err)
		}
		first := time.Since(t)
		n, b := int64(0), 0
		for st.Next() {
			n += st.Record().NumRows()
			b++
		}
		if st.Err() != nil {
			panic(st.Err())
		}
		d := time.Since(t)
		st.Close()
		fmt.Printf("go   %d rows %d batches: %.2fs (first %.2f) server cpu %.2f client cpu %.2f\n", n, b, d.Seconds(), first.Seconds(), proc(pid)-a, self()-c)
		out, err := exec.Command(py, "/tmp/py1.py", remote, strconv.Itoa(rows), pid).CombinedOutput()
		if err != nil {
			panic(string(out))
		}
		fmt.Print(string(out))
	}
}
