package consumers

import "testing"

var eda = product{
	name: "eda-server", settings: "aap_eda.settings.default", roles: []string{"DefaultWorker", "ActivationWorker"}, command: []string{"serve.py"},
}

func TestInteropEDA(t *testing.T) {
	t.Parallel()
	everyWay(t, eda, func(_ *testing.T, at *place) { at.wantControlProgram("DefaultWorker") })
}
