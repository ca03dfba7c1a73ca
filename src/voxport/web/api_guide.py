"""The introduction and tags of the OpenAPI document, which the page /docs shows."""

from __future__ import annotations

DESCRIPTION = """
Upload a recording, clone its voice, speak any text in it.

### Before the first call: your key

Press **Authorize** and paste your API key (`vxp_…`) into the first field, without the word `Bearer`; press
**Authorize** there, and **Close**. The page sends the key with each call until it is loaded again. Programs send it
as `Authorization: Bearer vxp_…` or as `X-API-Key: vxp_…`. The operator of the gateway gives out keys.

### Try it at once

**POST /v1/proxy/core-tts** under *speech* runs as it stands: press **Execute**, and open the `url` of the answer.

### Speak in your own voice

1. **Upload.** `POST /v1/proxy/upload-media` gives an `upload_url` and a `public_url`. PUT the file to the first, with
   the same `Content-Type`: `curl -T speaker.wav -H "Content-Type: audio/wav" "$UPLOAD_URL"`. On this page it is
   **PUT /v1/blobs/{key}**: its fields are the parts of the `upload_url`, decoded (`audio%2Fwav` is `audio/wav`).
2. **Clone.** `POST /v1/proxy/core-voice-clone` with the `public_url` as `audioUrl`. The answer is a 202 with
   `job.id`.
3. **Follow the job.** `GET /v2/jobs/{job_id}` every two seconds, or `GET /v2/jobs/{job_id}/events` for each change,
   until `status` is `completed`: `result_data.voice_id` is the new voice. `failed` has the reason in `error`, and
   costs nothing.
4. **Speak.** `POST /v1/proxy/core-tts` with that `voice_id`. A long text takes `Prefer: respond-async`, and is a job
   too; `"stream": true` answers with the audio as it is made.

### What holds everywhere

- `Idempotency-Key`: a call that is sent again with the same key is done and charged once.
- Each answer has an `X-Gateway-Request-ID`. Errors have one shape: `error.code` for programs, `error.message` for
  people.
- Prices and limits are in `GET /v1/catalog`; what a text would cost, in `POST /v1/estimate`.
"""

# In the order in which /docs shows them.
TAGS = [
    {"name": "media", "description": "1. Upload recordings, and find the files that were made."},
    {"name": "cloning", "description": "2. Make a voice from a recording."},
    {"name": "jobs", "description": "3. Follow what takes longer, or end it."},
    {"name": "speech", "description": "4. Speak a text, or ask what it would cost."},
    {"name": "scripts", "description": "Whole scripts with a cast, line by line."},
    {"name": "pronunciations", "description": "Dictionaries of how words are read."},
    {"name": "voices", "description": "The voices that you can use."},
    {"name": "billing", "description": "Balance, ledger, usage, prices and limits."},
    {"name": "webhooks", "description": "What your server was told, and the alert of low credits."},
    {"name": "keys", "description": "Your API keys."},
    {"name": "watermark", "description": "Whether a recording was spoken by the local engine."},
    {"name": "health", "description": "For load balancers and monitors. No key is needed."},
]
