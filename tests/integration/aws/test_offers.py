"""The types of instances that a form offers."""

from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.offers import USUAL, look_up_offers


def test_usual_types_with_gpus_and_what_is_known_of_prices(aws, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFORM")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    offers = {offer.name: offer for offer in look_up_offers(Cloud("us-east-1"), tmp_path)}
    assert set(offers) <= set(USUAL)
    gpu = offers["g4dn.xlarge"]
    assert (gpu.cores, gpu.memory_bytes, gpu.gpus) == (4, 16 << 30, ("T4",))
    assert offers["m5.xlarge"].gpus == ()
    assert list(offers)[-1] not in ("m5.xlarge", "t3.medium")  # those with GPUs come last
    for offer in offers.values():  # known, or said why not: never a guess
        assert offer.usd_per_h is None or offer.usd_per_h > 0
        assert offer.source
