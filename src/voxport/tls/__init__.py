"""`voxport serve --tls`: a certificate of one's own or one that is made here, and who trusts it.

| file | what it does |
|---|---|
| `server.py` | opens what `voxport serve` needs: the context, its renewal, what the operator is told |
| `own_certificate.py` | the authority and the certificate of the data folder, made and renewed |
| `given_certificate.py` | the files of `--tls-certificate` and `--tls-key`, checked |
| `authority.py` | the cryptography: an authority for local names, and certificates issued by it |
| `host_names.py` | the names and local addresses of this machine |
| `trust.py` | a client on this machine trusts the data folder's authority |
| `endpoints.py` | `GET /ca.crt`, from which a phone installs the authority |
"""
