"""Small apps with migrations, which the snippets of their rules are made from."""

HEAD = "from django.db import migrations, models\n\n\n"


def migration(
    *operations: str,
    after: str | None = None,
    app: str = "shop",
    replaces: tuple[str, ...] = (),
    before: str = "",
) -> str:
    """Write a migration as Django does.

    Args:
        operations: Each on a line of its own; the first is on line 8 where nothing is replaced.
        after: Name of the migration that it depends on.
        app: Label of that one's app.
        replaces: Names of those that it replaces.
        before: Code above the class.
    """
    lines = [f'        ("{app}", "{after}"),'] if after else []
    replaced = [f"    replaces = {[(app, name) for name in replaces]!r}\n"] if replaces else []
    return "".join(
        [
            HEAD,
            before,
            "class Migration(migrations.Migration):\n",
            *replaced,
            f"    dependencies = [{''.join(line.strip() for line in lines)}]\n",
            "    operations = [\n",
            *(f"        {operation},\n" for operation in operations),
            "    ]\n",
        ]
    )


#: The line of an operation, of a migration with nothing above its class.
FIRST = 7

ORDER = (
    "migrations.CreateModel('Order', fields=[('id', models.AutoField(primary_key=True)), "
    "('code', models.CharField(max_length=20, null=True)), ('size', models.IntegerField()), "
    "('price', models.DecimalField(max_digits=9, decimal_places=2))])"
)
NOTE = "migrations.AddField('order', 'note', models.TextField(default=''))"

SHOP: dict[str, str | bytes] = {
    "shop/__init__.py": "",
    "shop/models.py": "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n",
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": migration(ORDER),
    "shop/migrations/0002_note.py": migration(NOTE, after="0001_initial"),
    "wine/migrations/__init__.py": "",
    "wine/migrations/0001_initial.py": migration(
        "migrations.CreateModel('Bottle', fields=[])", after="0001_initial"
    ),
}
