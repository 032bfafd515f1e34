"""What the gateway's own pages answer where there is nothing to show or to do."""

from __future__ import annotations

from proxy.errors import Fault, GatewayError


def probes_are_the_operators() -> GatewayError:
    message = "Only the holder of the master key may have the upstreams asked: leave `probe` out."
    return GatewayError(403, message, param="probe", code="master_key_needed")


def deployment_not_found(deployment_id: str) -> GatewayError:
    message = f"There is no deployment `{deployment_id}`. GET /admin/deployments lists them."
    return GatewayError(404, message, param="id", code="deployment_not_found")


def layer_not_found(layer: str) -> GatewayError:
    message = f"There is no host, key, model or family `{layer}`. GET /admin/layers lists them."
    return GatewayError(404, message, param="layer", code="layer_not_found")


def state_off() -> GatewayError:
    message = "This gateway keeps nothing that could be shown: its sluice_settings.state is `off`."
    return GatewayError(503, message, kind="server_error", code="state_off", fault=Fault.GATEWAY)


def workers_not_told() -> GatewayError:
    message = "This worker did it, but could not tell the others. Ask again."
    headers = ((b"retry-after", b"1"),)
    return GatewayError(
        503, message, kind="server_error", code="workers_not_told", fault=Fault.GATEWAY, headers=headers
    )
