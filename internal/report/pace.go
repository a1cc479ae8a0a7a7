package report

import "time"

// A pace says how fast answers began. It is much smaller than a distribution, so
// that every conversation that is open can have one.
type pace struct {
	Count int64 `json:"count"`
	Sum   int64 `json:"sum_ns"`
	Mean  int64 `json:"mean_ns"` // set by merge
	Max   int64 `json:"max_ns"`
}

func (p *pace) add(d time.Duration) {
	p.Count++
	// As with distributions: two processors' clocks may differ.
	p.Sum += max(int64(d), 0)
	p.Max = max(p.Max, int64(d))
}

func (p *pace) merge(o *pace) {
	if o.Count <= 0 {
		return
	}
	p.Count += o.Count
	p.Sum += o.Sum
	p.Max = max(p.Max, o.Max)
	p.Mean = p.Sum / p.Count
}
