package spark

import "testing"

func TestPersistedSizeIsReadOnlyWhenFilled(t *testing.T) {
	const filled = "== Optimized Logical Plan ==\nInMemoryRelation [x#1L], StorageLevel(disk, memory, 1 replicas), Statistics(sizeInBytes=819.2 KiB, rowCount=5.00E+4)\n"
	if n, ok := persistedSize(filled); !ok || n != 838860 {
		t.Errorf("persistedSize = %d, %t; want 838860", n, ok)
	}
	const empty = "== Optimized Logical Plan ==\nInMemoryRelation [x#1L], StorageLevel(disk, memory, 1 replicas), Statistics(sizeInBytes=8.0 EiB)\n"
	if n, ok := persistedSize(empty); ok {
		t.Errorf("persistedSize of one not filled = %d", n)
	}
}
