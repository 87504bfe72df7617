package consumers

import "testing"

var gateway = product{name: "aap-gateway", settings: "aap_gateway_api.settings", roles: []string{"gateway"}, command: []string{"serve.py"}}

func TestInteropGateway(t *testing.T) {
	t.Parallel()
	everyWay(t, gateway, func(_ *testing.T, at *place) { at.wantControlProgram("gateway-1") })
}
