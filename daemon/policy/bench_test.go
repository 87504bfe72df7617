package policy

import "testing"

func BenchmarkTerms(b *testing.B) {
	p := example(b)
	for _, bm := range []struct {
		name, task string
		limits     []byte
	}{{"none", "app.work", nil}, {"section", "reports.monthly", nil}, {"submission", "reports.monthly", []byte(`{"memory_max": "1G"}`)}} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Terms(bm.task, 0, bm.limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
