from __future__ import annotations

import openai
import pytest


def _job(client: openai.OpenAI) -> str:
    file = client.files.create(file=("train.jsonl", b'{"messages": []}'), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file=file.id, suffix="mine")
    assert job.status == "validating_files"
    return job.id


def test_a_job_moves_as_it_is_looked_at_and_succeeds(client: openai.OpenAI) -> None:
    jobs = client.fine_tuning.jobs
    job_id = _job(client)
    seen = [jobs.retrieve(job_id).status for _ in range(4)]
    assert seen == ["queued", "running", "succeeded", "succeeded"]
    assert (jobs.retrieve(job_id).fine_tuned_model or "").startswith("ft:gpt-4o-mini:simulated:mine:")
    messages = [event.message for event in jobs.list_events(job_id)]
    assert messages[0] == "Fine-tuning job is succeeded"
    assert messages[-1].startswith("Created")
    assert list(jobs.checkpoints.list(job_id)) == []


def test_a_job_can_be_cancelled_until_it_is_done(client: openai.OpenAI) -> None:
    job_id = _job(client)
    assert client.fine_tuning.jobs.cancel(job_id).status == "cancelled"
    assert job_id in [job.id for job in client.fine_tuning.jobs.list()]
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.cancel(job_id)


def test_the_training_file_must_exist(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-none")
