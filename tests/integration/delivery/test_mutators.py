"""What clusters do to objects on their own, on a real API server: none of it is drift, and what stands beside it is."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from extension.delivery.client import Client
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Release
from tests.integration.delivery.conftest import Make, message
from tests.integration.delivery.test_watching import MERGE, changed_by

pytestmark = pytest.mark.xdist_group("kube")

CA = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
HOOK = """apiVersion: admissionregistration.k8s.io/v1
kind: {kind}
metadata: {{name: NAME}}
webhooks:
- name: a.example.org
  clientConfig: {{service: {{name: hook, namespace: web}}, caBundle: ""}}
  rules: [{{apiGroups: [none.example.org], apiVersions: [v1], operations: [CREATE], resources: [things]}}]
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 5
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  clusterIP: ""
  selector: {app: web}
  ports:
  - {name: a, port: 53, protocol: UDP, nodePort: 0}
  - {name: b, port: 53, protocol: TCP, nodePort: 0}
"""
CLAIM = """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  volumeName: ""
  storageClassName: none
  resources: {requests: {storage: 1Gi}}
"""
ACCOUNT = """apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
secrets: [{name: own}]
imagePullSecrets: [{name: own}]
"""
API = """apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.NAME.example.org}
spec:
  caBundle: ""
  group: NAME.example.org
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 10
  service: {name: api, namespace: web}
"""
CRD = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.NAME.example.org}
spec:
  group: NAME.example.org
  names: {plural: things, singular: thing, kind: Thing}
  scope: Namespaced
  preserveUnknownFields: false
  conversion:
    strategy: Webhook
    webhook:
      clientConfig: {caBundle: "", service: {name: hook, namespace: web}}
      conversionReviewVersions: [v1]
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {creationTimestamp: null, labels: {app: web}}
    spec: {containers: [{name: web, image: "example.org/web:1"}]}
"""
NOTES = '{deployment.kubernetes.io/revision: "7", kubectl.kubernetes.io/last-applied-configuration: "{}"}'
EXPORTED = DEPLOYMENT.replace("{name: web}", f"{{name: web, annotations: {NOTES}}}", 1)
SCALER = """apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
  metrics:
  - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 50}}}
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}
"""
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: once, image: "example.org/once:1"}]}
"""
ROLE = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {none: "x"}}]}
rules: []
"""
SECRET = """apiVersion: v1
kind: Secret
metadata: {name: token, annotations: {kubernetes.io/service-account.name: default}}
type: kubernetes.io/service-account-token
data: {}
"""
BINDING = """apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{apiGroup: "", kind: ServiceAccount, name: web, namespace: web}]
"""
VALIDATING, MUTATING = (HOOK.format(kind=f"{kind}WebhookConfiguration") for kind in ("Validating", "Mutating"))
HOOKS = "/apis/admissionregistration.k8s.io/v1"
INJECTED: list[dict[str, Any]] = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": CA}]

ADDED = {"name": "web-dockercfg-gl9vz"}
PULL_SECRET: list[dict[str, Any]] = [{"op": "add", "path": f"/{field}/1", "value": ADDED} for field in ("imagePullSecrets", "secrets")]
COPY = {"kubectl.kubernetes.io/last-applied-configuration": "{ }"}
RESTART = {"kubectl.kubernetes.io/restartedAt": "2026-11-29T12:00:00Z"}
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
CONVERSION = {"webhook": {"clientConfig": {"caBundle": CA}}}
APIS, DEFINITIONS = "/apis/apiregistration.k8s.io/v1/apiservices", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PLACE, WEB = "/api/v1/namespaces/NAME", "/apis/apps/v1/namespaces/NAME/deployments/web"

CASES = [
    ("a CA in a validating webhook", VALIDATING, f"{HOOKS}/validatingwebhookconfigurations/NAME", INJECTED),
    ("a CA in a mutating webhook", MUTATING, f"{HOOKS}/mutatingwebhookconfigurations/NAME", INJECTED),
    ("a CA in an APIService", API, f"{APIS}/v1.NAME.example.org", {"spec": {"caBundle": CA}}),
    ("a CA in a CRD", CRD, f"{DEFINITIONS}/things.NAME.example.org", {"spec": {"conversion": CONVERSION}}),
    ("the address and ports of a Service", SERVICE, "", {}),
    ("the volume of a claim", CLAIM, f"{PLACE}/persistentvolumeclaims/data", {"spec": {"volumeName": "pv-1"}}),
    ("a pull secret", ACCOUNT, f"{PLACE}/serviceaccounts/web", PULL_SECRET),
    ("what an exported Deployment has", EXPORTED, WEB, {"metadata": {"annotations": COPY}}),
    ("a restart", DEPLOYMENT, WEB, {"spec": {"template": {"metadata": {"annotations": RESTART}}}}),
    ("the metrics of an autoscaler", SCALER, "", {}),
    ("the selector of a Job", JOB, "", {}),
    ("the rules of an aggregated role", ROLE, "/apis/rbac.authorization.k8s.io/v1/clusterroles/NAME", {"rules": RULES}),
    ("a token in a Secret", SECRET, f"{PLACE}/secrets/token", {"data": {"token": "eA=="}}),
    ("the empty group of a subject", BINDING, "", {}),
]


@pytest.fixture
def removed(delivery: KubernetesDelivery, namespace: str) -> Iterator[None]:
    """Removes what the test deployed: no namespace can be deleted while an APIService does not answer."""
    yield
    bundle = f"bundle-{namespace}"
    delivery.remove(Release(bundle, namespace, bundle, ""))


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize(("manifest", "path", "body"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_a_cluster_does_on_its_own_is_no_drift(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, manifest: str, path: str, body: Any
) -> None:
    files = {"a.yaml": manifest.replace("NAME", namespace)}
    status = delivery.deploy(make(files=files))
    assert status.release, message(status, "Deployed")
    if path:
        kind = "application/json-patch+json" if isinstance(body, list) else MERGE
        client.request("PATCH", path.replace("NAME", namespace), body=body, content_type=kind)
    status = delivery.observe(make(files=files, status=status))
    assert (status.non_modified, changed_by(status)) == (True, [])
