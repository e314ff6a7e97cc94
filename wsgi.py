"""gunicorn -k gevent wsgi:app"""

from flashapi.app import create_app

app = create_app()
