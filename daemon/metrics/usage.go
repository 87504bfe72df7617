package metrics

import (
	"strconv"

	"dispatcherd/workers/supervisor"
)

// usage writes what workers take. Those that live now are on the page by their ids, which
// are not used again; the totals go on when they end.
func (p *page) usage(each []supervisor.Usage, all supervisor.Totals) {
	for _, u := range each {
		id := strconv.Itoa(u.Worker)
		p.set(workerCPU, u.CPU.Seconds(), id)
		p.set(workerThrottled, u.Throttled.Seconds(), id)
		if u.Source != supervisor.Unknown {
			p.set(workerMemory, float64(u.Memory), id)
		}
		p.set(workerPeak, float64(u.MemoryPeak), id)
		if u.MemoryMax > 0 {
			p.set(workerLimit, float64(u.MemoryMax), id)
		}
		p.set(workerPIDs, float64(u.PIDs), id)
		p.set(workerOOM, float64(u.OOMKills), id)
	}
	p.set(allCPU, all.CPU.Seconds())
	p.set(allThrottled, all.Throttled.Seconds())
	p.set(allMemory, float64(all.Memory))
	p.set(allPIDs, float64(all.PIDs))
	p.set(allOOM, float64(all.OOMKills))
	p.set(cgroupCount, float64(all.Cgroups))
}
